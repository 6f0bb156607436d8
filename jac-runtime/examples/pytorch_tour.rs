//! The five examples of the PyTorch tutorial on `torch.autograd.functional.jacobian`, compiled.
//!
//! `cargo run --release -p jac-runtime --example pytorch_tour`

use jac_runtime::jacobian;
use ndarray::{array, Array1, Array2, ArrayBase, Data, Dimension};

#[jacobian(value)]
fn sum(x: &Array2<f64>) -> f64 {
    x.sum()
}

#[jacobian(wrt(b))]
fn mm(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(b)
}

#[jacobian]
fn square(m: &Array2<f64>) -> Array2<f64> {
    m.dot(m)
}

/// Two inputs and two outputs: a layer of a network, and the length of its weights.
#[jacobian(value)]
fn layer(w: &Array2<f64>, x: &Array1<f64>) -> (Array1<f64>, f64) {
    let z = w.dot(x);
    (z.tanh(), (w * w).sum())
}

/// Fixed arrays need no library: arrays in, nested arrays out.
#[jacobian(value)]
fn polar(r: f64, phi: f64) -> [f64; 2] {
    [r * phi.cos(), r * phi.sin()]
}

fn main() {
    let one_to_four = array![[1.0, 2.0], [3.0, 4.0]];
    let m = array![[2.0, 3.0], [4.0, 5.0]];

    title("1. sum(x), x = [[1, 2], [3, 4]]");
    show(&sum_jacobian(&one_to_four));

    title("2. mm(a, b) with respect to b, a = [[2, 3], [4, 5]], b = [[1, 2], [3, 4]]");
    show(&mm_jacobian(&m, &one_to_four));

    title("3. sum(x), x a random 3 × 2 matrix");
    let x = random(3, 2);
    let (value, j) = sum_value_and_jacobian(&x);
    println!("x = {x:.4}\nsum(x) = {value:.4}, as the function itself says: {:.4}", sum(&x));
    show(&j);

    title("4. mm(m, m), m = [[2, 3], [4, 5]]");
    println!("m·m = {}", square(&m));
    show(&square_jacobian(&m));

    title("5. sum(x), x from a plain nested array [[1, 2, 3], [4, 5, 6]]");
    show(&sum_jacobian(&Array2::from(vec![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])));

    title("Several inputs and outputs: (tanh(w·x), ‖w‖²) with respect to w and x");
    let x = array![0.1, -0.2];
    let ((h, norm), ((h_w, h_x), (norm_w, norm_x))) = layer_value_and_jacobian(&m, &x);
    println!("tanh(w·x) = {h:.6}, ‖w‖² = {norm}; by the function itself: {:?}", layer(&m, &x).1);
    println!("\n∂tanh(w·x)/∂w");
    show(&h_w);
    println!("\n∂tanh(w·x)/∂x");
    show(&h_x);
    println!("\n∂‖w‖²/∂w");
    show(&norm_w);
    println!("\n∂‖w‖²/∂x");
    show(&norm_x);

    title("Fixed arrays: polar(r, φ) at (2, 0.5)");
    let ([x, y], (by_r, by_phi)) = polar_value_and_jacobian(2.0, 0.5);
    println!("(x, y) = ({x:.6}, {y:.6}), by the function itself {:.6?}\n∂/∂r = {by_r:.6?}\n∂/∂φ = {by_phi:.6?}", polar(2.0, 0.5));

    title("What the compiler derived for mm(m, m)");
    print!("{}", square_jacobian_ir());
    println!("\nThe product of example 2 itself:\n{}", mm(&m, &one_to_four));
}

fn title(text: &str) {
    println!("\n── {text}");
}

fn show<S: Data<Elem = f64>, D: Dimension>(j: &ArrayBase<S, D>) {
    println!("shape {:?}\n{j}", j.shape());
}

/// Numbers of a linear congruential generator (Knuth's MMIX), the same on every run.
fn random(rows: usize, columns: usize) -> Array2<f64> {
    let mut state = 2026_u64;
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    })
}
