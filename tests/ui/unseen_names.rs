use jac_runtime::jacobian;

// what a macro makes stands in no source
macro_rules! made {
    () => {
        const g0: f64 = 9.81;

        fn square(x: f64) -> f64 {
            x * x
        }
    };
}
made!();

#[jacobian]
fn f(height: f64) -> f64 {
    g0 * height
}

#[jacobian]
fn g(height: f64) -> f64 {
    square(height)
}

#[jacobian]
fn h(height: f64) -> f64 {
    println!("{height}");
    height
}

fn main() {}
