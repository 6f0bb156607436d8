use jac_runtime::jacobian;

#[jacobian(value)]
fn f(x: f64) -> f64 {
    let a = x.tahn();
    let b = a * 2.0;
    let c = b.sin() + a;
    c
}

fn main() {
    let j: f64 = f_jacobian(1.0);
    let (y, _): (f64, f64) = f_value_and_jacobian(1.0);
    println!("{j} {y} {}", f_jacobian_ir());
}
