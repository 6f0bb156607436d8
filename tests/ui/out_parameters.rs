use jac_runtime::jacobian;

#[jacobian]
fn half_filled(x: f64, out: &mut [f64; 2]) {
    out[0] = x;
}

#[jacobian]
fn added_to(x: f64, out: &mut [f64; 1]) {
    out[0] += x;
}

#[jacobian]
fn of_another_type(x: f64, names: &mut Vec<String>) -> f64 {
    names.clear();
    x
}

fn main() {}
