//! Random functions, made once by the generators of `all/random.rs`.

use jac_runtime::jacobian;
use ndarray::{s, Array1, Array2, Axis};

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_0(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = v1.powi(2) + (v1 * 0.25).exp().ln_1p();
    let v4 = v3.powi(2) + (v0 * 0.25).exp().ln_1p();
    let v5 = v0 / (v3 * v3 + 1.5);
    let v6 = if v2 > v5 { v4 * v2 } else { v5 - v4 };
    let v7 = v3 / (v2 * v2 + 1.5);
    let v8 = v4 / (v5 * v5 + 1.5);
    [v8 * v7, v6 + v8]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_1(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = v0 - v2;
    let v4 = v1 * v1;
    let v5 = (v2.tanh() - v2).abs();
    let v6 = (v1.tanh() - v2).abs();
    let v7 = v5 + v3;
    let v8 = v4 + v7;
    let v9 = -v5 * 3.0 + v8 * 2.0;
    let v10 = -v6 * 3.0 + v6 * 2.0;
    [v10 * v9, v8 + v10]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_2(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = if v1 > v0 { v1 * v1 } else { v0 - v1 };
    let v4 = v0 + v2;
    let v5 = (v2.tanh() - v0).abs();
    let v6 = v3 / (v1 * v1 + 1.5);
    let v7 = v3 * v6;
    let v8 = -v6 * 3.0 + v4 * 2.0;
    let v9 = -v4 * 3.0 + v4 * 2.0;
    let v10 = v7 + v7;
    let v11 = if v8 > v6 { v9 * v8 } else { v6 - v9 };
    let v12 = v9 * v7;
    [v12 * v11, v10 + v12]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_3(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = v1.powi(2) + (v1 * 0.25).exp().ln_1p();
    let v4 = (v1 * v1 + 0.25).sqrt();
    let v5 = v1.sin() * v1;
    let v6 = -v2 * 3.0 + v4 * 2.0;
    let v7 = v2 - v5;
    let v8 = v5.powi(2) + (v4 * 0.25).exp().ln_1p();
    let v9 = (v8.tanh() - v6).abs();
    let v10 = if v9 > v5 { v5 * v9 } else { v5 - v5 };
    let v11 = (v10 * 0.5).cos();
    let v12 = v10 + v7;
    let v13 = (v8.tanh() - v10).abs();
    let v14 = v9 * v13;
    [v14 * v13, v12 + v14]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_4(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = (v1 * 0.5).cos();
    let v4 = -v3 * 3.0 + v3 * 2.0;
    let v5 = (v3 * v3 + 0.25).sqrt();
    let v6 = if v1 > v1 { v3 * v1 } else { v1 - v3 };
    let v7 = v3 - v6;
    let v8 = v5 / (v7 * v7 + 1.5);
    let v9 = v7.sin() * v8;
    let v10 = -v5 * 3.0 + v6 * 2.0;
    let v11 = v6.powi(2) + (v9 * 0.25).exp().ln_1p();
    let v12 = -v9 * 3.0 + v8 * 2.0;
    let v13 = v8 / (v12 * v12 + 1.5);
    let v14 = v12 * v9;
    let v15 = (v14.tanh() - v13).abs();
    let v16 = v12 * v12;
    [v16 * v15, v14 + v16]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_5(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = (v0 * 0.5).cos();
    let v4 = (v3.tanh() - v0).abs();
    let v5 = v0 * v1;
    let v6 = v1 * v2;
    let v7 = if v3 > v6 { v3 * v3 } else { v6 - v3 };
    let v8 = v3.powi(2) + (v7 * 0.25).exp().ln_1p();
    let v9 = (v6 * 0.5).cos();
    let v10 = (v5 * 0.5).cos();
    let v11 = v8 / (v8 * v8 + 1.5);
    let v12 = v8 - v8;
    let v13 = (v10 * 0.5).cos();
    let v14 = v13 * v11;
    let v15 = v12 * v11;
    let v16 = (v12.tanh() - v12).abs();
    let v17 = if v15 > v14 { v12 * v15 } else { v14 - v12 };
    let v18 = v16.sin() * v17;
    [v18 * v17, v16 + v18]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_6(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = v0 * v2;
    let v4 = v3 + v3;
    let v5 = v1 / (v1 * v1 + 1.5);
    let v6 = v3 * v1;
    let v7 = v5 * v3;
    let v8 = if v3 > v3 { v3 * v3 } else { v3 - v3 };
    let v9 = v7.sin() * v4;
    let v10 = (v5 * 0.5).cos();
    let v11 = (v10.tanh() - v8).abs();
    let v12 = v10.powi(2) + (v9 * 0.25).exp().ln_1p();
    let v13 = (v9 * 0.5).cos();
    let v14 = -v12 * 3.0 + v9 * 2.0;
    let v15 = (v13.tanh() - v11).abs();
    let v16 = v15.powi(2) + (v13 * 0.25).exp().ln_1p();
    let v17 = v12 * v13;
    let v18 = (v17 * v17 + 0.25).sqrt();
    let v19 = v17 + v16;
    let v20 = v17.powi(2) + (v17 * 0.25).exp().ln_1p();
    [v20 * v19, v18 + v20]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_7(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = v2 + v2;
    let v4 = if v1 > v0 { v3 * v1 } else { v0 - v3 };
    let v5 = v4.sin() * v3;
    let v6 = if v1 > v5 { v1 * v1 } else { v5 - v1 };
    let v7 = (v2 * 0.5).cos();
    let v8 = (v4 * v4 + 0.25).sqrt();
    let v9 = v7.powi(2) + (v7 * 0.25).exp().ln_1p();
    let v10 = (v5 * v5 + 0.25).sqrt();
    let v11 = v6.sin() * v6;
    let v12 = v7 / (v9 * v9 + 1.5);
    let v13 = (v8 * 0.5).cos();
    let v14 = v9 * v12;
    let v15 = v12.sin() * v13;
    let v16 = v15.sin() * v13;
    let v17 = -v14 * 3.0 + v15 * 2.0;
    let v18 = (v14.tanh() - v17).abs();
    let v19 = v16 * v17;
    let v20 = v19 / (v16 * v16 + 1.5);
    let v21 = (v20 * 0.5).cos();
    let v22 = v19 * v20;
    [v22 * v21, v20 + v22]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_8(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = v1 * v0;
    let v4 = v1 + v0;
    let v5 = v0 + v4;
    let v6 = -v2 * 3.0 + v2 * 2.0;
    let v7 = v5 * v4;
    let v8 = -v7 * 3.0 + v7 * 2.0;
    let v9 = v6 * v6;
    let v10 = v6 * v6;
    let v11 = v9 + v8;
    let v12 = v9 * v11;
    let v13 = v9 + v9;
    let v14 = if v9 > v11 { v10 * v9 } else { v11 - v10 };
    let v15 = v10 * v13;
    let v16 = -v13 * 3.0 + v15 * 2.0;
    let v17 = v16.powi(2) + (v14 * 0.25).exp().ln_1p();
    let v18 = (v13.tanh() - v16).abs();
    let v19 = -v17 * 3.0 + v16 * 2.0;
    let v20 = v17.sin() * v16;
    let v21 = v16 + v20;
    let v22 = v17 * v20;
    let v23 = v19.powi(2) + (v18 * 0.25).exp().ln_1p();
    let v24 = if v23 > v20 { v21 * v23 } else { v20 - v21 };
    [v24 * v23, v22 + v24]
}

/// range: -0.6..0.6
#[jacobian]
pub fn scalars_9(x: f64, y: f64, z: f64) -> [f64; 2] {
    let v0 = x;
    let v1 = y;
    let v2 = z;
    let v3 = (v1 * v1 + 0.25).sqrt();
    let v4 = v0 + v0;
    let v5 = (v2 * 0.5).cos();
    let v6 = (v4 * 0.5).cos();
    let v7 = v3.powi(2) + (v3 * 0.25).exp().ln_1p();
    let v8 = v4 / (v7 * v7 + 1.5);
    let v9 = v6 + v5;
    let v10 = v6.sin() * v7;
    let v11 = v6 * v6;
    let v12 = if v7 > v11 { v11 * v7 } else { v11 - v11 };
    let v13 = if v12 > v8 { v11 * v12 } else { v8 - v11 };
    let v14 = v10.sin() * v11;
    let v15 = v11 * v11;
    let v16 = v15 * v14;
    let v17 = (v12 * 0.5).cos();
    let v18 = v13.sin() * v17;
    let v19 = if v16 > v17 { v16 * v16 } else { v17 - v16 };
    let v20 = (v19 * v19 + 0.25).sqrt();
    let v21 = if v16 > v18 { v18 * v16 } else { v18 - v18 };
    let v22 = v17 * v20;
    let v23 = v22 * v20;
    let v24 = v23 + v20;
    let v25 = v23 * v20;
    let v26 = v23 * v22;
    [v26 * v25, v24 + v26]
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_0(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = &v1 + &v0;
    let last = &v2 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_1(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let s1 = v0.dot(&v1) / (1.0 + s0 * s0);
    let v2 = &v0 / 2.0;
    let v3 = m.row(0).to_owned() - &v2;
    let last = &v3 + s1;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_2(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = &v1 - s0;
    let v3 = v2.mapv(|e| e.tanh() + s0);
    let v4 = m.sum_axis(Axis(0)) * s0 + &v3;
    let last = &v4 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_3(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = m.sum_axis(Axis(0)) * s0 + &v1;
    let v3 = m.diag().to_owned() * &v1;
    let v4 = m.sum_axis(Axis(0)) * s0 + &v2;
    let v5 = &v4 + &v4;
    let last = &v5 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_4(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = v0.slice(s![..;-1]).to_owned();
    let v3 = &v2 * &v0;
    let v4 = v2.dot(m) * 0.5;
    let v5 = v4.mapv(|e| if e > 0.0 { e } else { 0.1 * e });
    let v6 = m.dot(&v5);
    let last = &v6 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_5(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = v0.dot(m) * 0.5;
    let v3 = m.diag().to_owned() * &v1;
    let v4 = v2.slice(s![..;-1]).to_owned();
    let v5 = m.diag().to_owned() * &v3;
    let v6 = &v5 * &v0;
    let v7 = &v5 - s0;
    let last = &v7 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_6(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let s1 = v0.dot(&v1) / (1.0 + s0 * s0);
    let v2 = &v0 / 2.0;
    let v3 = m.sum_axis(Axis(0)) * s0 + &v2;
    let v4 = &v2 - s1;
    let v5 = v3.slice(s![..;-1]).to_owned();
    let v6 = &v4 * &v3;
    let v7 = m.dot(&v6);
    let v8 = &v6 + &v4;
    let last = &v8 + s1;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_7(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = &v0 - s0;
    let last = &v2 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_8(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = v1.slice(s![..;-1]).to_owned();
    let v3 = m.sum_axis(Axis(0)) * s0 + &v1;
    let last = &v3 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_9(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = v1.mapv(|e| if e > 0.0 { e } else { 0.1 * e });
    let v3 = m.row(0).to_owned() - &v2;
    let v4 = m.dot(&v2);
    let last = &v4 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_10(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = m.row(0).to_owned() - &v1;
    let v3 = m.dot(&v1);
    let s1 = v3.dot(&v0) / (1.0 + s0 * s0);
    let v4 = &v3 / 2.0;
    let s2 = v4.dot(&v1) / (1.0 + s0 * s0);
    let v5 = &v4 / 2.0;
    let last = &v5 + s2;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_11(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = m.row(0).to_owned() - &v0;
    let v3 = &v1 + &v2;
    let v4 = m.dot(&v2);
    let v5 = &v3 - s0;
    let v6 = v4.mapv(|e| e.tanh() + s0);
    let last = &v6 + s0;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_12(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let s1 = v0.dot(&v1) / (1.0 + s0 * s0);
    let v2 = &v0 / 2.0;
    let v3 = m.row(0).to_owned() - &v1;
    let v4 = &v2 + &v0;
    let v5 = v3.mapv(|e| e.tanh() + s1);
    let v6 = &v5 - s1;
    let v7 = &v6 * &v1;
    let last = &v7 + s1;
    last
}

/// shapes: m = [3, 3], x = [3]
/// range: -0.8..0.8
#[jacobian]
pub fn arrays_13(m: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    let v0 = x.to_owned();
    let v1 = m.dot(x);
    let s0 = x.sum();
    let v2 = m.diag().to_owned() * &v0;
    let v3 = m.diag().to_owned() * &v2;
    let v4 = m.diag().to_owned() * &v2;
    let v5 = &v3 + &v1;
    let v6 = &v5 - s0;
    let v7 = m.row(0).to_owned() - &v6;
    let v8 = &v7 + &v2;
    let last = &v8 + s0;
    last
}
