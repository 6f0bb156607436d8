use jac_runtime::jacobian;
use ndarray::Array2;

struct Model {
    weights: Array2<f64>,
    bias: Option<f64>,
    gains: Vec<f64>,
}

#[jacobian]
fn unknown_array(x: &[f64; 2], model: &Model) -> f64 {
    let v = ndarray::arr1(x);
    model.weights.dot(&v).sum()
}

#[jacobian]
fn maybe(x: f64, model: &Model) -> f64 {
    x * model.bias.unwrap()
}

#[jacobian]
fn unknown_position(x: &[f64], model: &Model) -> f64 {
    let mut s = 0.0;
    for i in 0..x.len() {
        s += x[i] * model.gains[i];
    }
    s
}

#[jacobian]
fn recursive(x: f64) -> f64 {
    fn again(x: f64) -> f64 {
        again(x) + 1.0
    }
    again(x)
}

impl Model {
    #[jacobian]
    fn update(&mut self, x: f64) -> f64 {
        self.gains[0] = x;
        x
    }
}

fn main() {}
