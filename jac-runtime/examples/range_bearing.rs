//! The measurement of a robot that sees a landmark: distance and direction, and the Jacobian by
//! the robot's pose, as an extended Kalman filter needs it.
//!
//! `cargo run -p jac-runtime --example range_bearing`

use jac_runtime::jacobian;

#[jacobian(wrt(pose))]
fn range_bearing(pose: &[f64; 3], landmark: &[f64; 2]) -> [f64; 2] {
    let dx = landmark[0] - pose[0];
    let dy = landmark[1] - pose[1];
    let range = (dx * dx + dy * dy).sqrt();
    [range, dy.atan2(dx) - pose[2]]
}

fn main() {
    let (pose, landmark) = ([1.0, 2.0, 0.5], [4.0, 6.0]);
    let [range, bearing] = range_bearing(&pose, &landmark);
    println!("range {range}, bearing {bearing:.4}");
    for row in range_bearing_jacobian(&pose, &landmark) {
        println!("{row:8.4?}");
    }
}

#[test]
fn the_derivatives_of_range_bearing_agree() {
    jac_runtime::check!(range_bearing, &[0.1, 0.2, 0.3], &[2.0, 1.0]);
}
