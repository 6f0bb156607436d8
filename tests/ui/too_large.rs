use jac_runtime::jacobian;

#[jacobian]
fn product(a: &[[f64; 40]; 40], b: &[[f64; 40]; 40]) -> [[f64; 40]; 40] {
    let mut c = [[0.0; 40]; 40];
    for i in 0..40 {
        for j in 0..40 {
            for k in 0..40 {
                c[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    c
}

fn main() {}
