use jac_runtime::jacobian;

#[jacobian]
mod unmarked {
    pub fn f(x: f64) -> f64 {
        x
    }
}

#[jacobian(value)]
mod with_options {
    #[jacobian]
    pub fn f(x: f64) -> f64 {
        x
    }
}

struct S;

#[jacobian]
impl S {
    #[jacobian]
    async fn later(&self, x: f64) -> f64 {
        x
    }
}

fn main() {}
