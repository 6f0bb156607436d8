use jac_runtime::jacobian;

#[jacobian]
fn mixed(x: f64, y: f32) -> f64 {
    x * f64::from(y)
}

#[jacobian]
async fn later(x: f64) -> f64 {
    x
}

#[jacobian]
fn out(x: f64, y: &mut [f64; 2]) {
    *y = [x, x];
}

#[jacobian]
fn generic<T: Copy>(x: f64, _t: T) -> f64 {
    x
}

struct Model;

impl Model {
    #[jacobian]
    fn method(&self, x: f64) -> f64 {
        x
    }
}

fn main() {}
