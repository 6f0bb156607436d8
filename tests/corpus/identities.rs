//! Known closed forms, a function a row of a table that was checked by hand. `row` is what the
//! table says; `closed` is what jac derives, which `identities.rs` holds it to: the same, up to names,
//! order, and what must stay as it is to be right in floating point.

use jac_runtime::{jacobian, linalg};
use ndarray::{array, s, Array1, Array2, Array4, Axis, Zip};


/// row: δ_ik
/// closed: J[i, j] = δ(i,j)
/// shapes: x = [4]
#[jacobian]
pub fn row_001(x: &Array1<f64>) -> Array1<f64> {
    x.clone()
}

/// row: δ_ik δ_jl
/// closed: J[i, j, k, l] = δ(i,k)·δ(j,l)
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_002(x: &Array2<f64>) -> Array2<f64> {
    x.clone()
}

/// row: δ_il δ_jk
/// closed: J[i, j, k, l] = δ(i,l)·δ(j,k)
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_003(x: &Array2<f64>) -> Array2<f64> {
    x.t().to_owned()
}

/// row: c δ_ik δ_jl
/// closed: J[i, j, k, l] = δ(i,k)·δ(j,l)·c
/// shapes: x = [3, 4]
#[jacobian(wrt(x))]
pub fn row_004(x: &Array2<f64>, c: f64) -> Array2<f64> {
    x * c
}

/// row: X_ij
/// closed: J[i, j] = x[i,j]
/// shapes: x = [3, 4]
#[jacobian(wrt(c))]
pub fn row_005(x: &Array2<f64>, c: f64) -> Array2<f64> {
    x * c
}

/// row: A_ik δ_jl
/// closed: J[i, j, k, l] = δ(j,l)·a[i,k]
/// shapes: a = [2, 3], x = [3, 4]
#[jacobian(wrt(x))]
pub fn row_006(a: &Array2<f64>, x: &Array2<f64>) -> Array2<f64> {
    a.dot(x)
}

/// row: δ_ik B_lj
/// closed: J[i, j, k, l] = δ(i,k)·b[l,j]
/// shapes: x = [3, 4], b = [4, 5]
#[jacobian(wrt(x))]
pub fn row_007(x: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    x.dot(b)
}

/// row: A_ik B_lj
/// closed: J[i, j, k, l] = a[i,k]·b[l,j]
/// shapes: a = [2, 3], x = [3, 4], b = [4, 5]
#[jacobian(wrt(x))]
pub fn row_008(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(x).dot(b)
}

/// row: C_il D_kj
/// closed: J[i, j, k, l] = c[i,l]·d[k,j]
/// shapes: c = [2, 4], x = [3, 4], d = [3, 5]
#[jacobian(wrt(x))]
pub fn row_009(c: &Array2<f64>, x: &Array2<f64>, d: &Array2<f64>) -> Array2<f64> {
    c.dot(&x.t()).dot(d)
}

/// row: A_ik
/// closed: J[i, j] = a[i,j]
/// shapes: a = [2, 4], x = [4]
#[jacobian(wrt(x))]
pub fn row_010(a: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    a.dot(x)
}

/// row: δ_ik b_l
/// closed: J[i, j, k] = δ(i,j)·b[k]
/// shapes: x = [3, 4], b = [4]
#[jacobian(wrt(x))]
pub fn row_011(x: &Array2<f64>, b: &Array1<f64>) -> Array1<f64> {
    x.dot(b)
}

/// row: a_k δ_jl
/// closed: J[i, j, k] = δ(i,k)·a[j]
/// shapes: a = [3], x = [3, 4]
#[jacobian(wrt(x))]
pub fn row_012(a: &Array1<f64>, x: &Array2<f64>) -> Array1<f64> {
    a.dot(x)
}

/// row: a_k b_l
/// closed: J[i, j] = b[j]·a[i]
/// shapes: a = [3], x = [3, 4], b = [4]
#[jacobian(wrt(x))]
pub fn row_013(a: &Array1<f64>, x: &Array2<f64>, b: &Array1<f64>) -> f64 {
    a.dot(&x.dot(b))
}

/// row: a_k b_l
/// closed: J[i, j] = a[i]·b[j]
/// shapes: a = [3], x = [3, 4], b = [4]
#[jacobian(wrt(x))]
pub fn row_014(a: &Array1<f64>, x: &Array2<f64>, b: &Array1<f64>) -> f64 {
    b.dot(&x.t().dot(a))
}

/// row: 1_kl
/// closed: J[i, j] = 1
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_015(x: &Array2<f64>) -> f64 {
    x.sum()
}

/// row: δ_ik 1_l
/// closed: J[i, j, k] = δ(i,j)
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_016(x: &Array2<f64>) -> Array1<f64> {
    x.sum_axis(Axis(1))
}

/// row: 1_k δ_jl
/// closed: J[i, j, k] = δ(i,k)
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_017(x: &Array2<f64>) -> Array1<f64> {
    x.sum_axis(Axis(0))
}

/// row: 1/(mn)
/// closed: J[i, j] = 1/(n·m)
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_018(x: &Array2<f64>) -> f64 {
    x.mean().unwrap()
}

/// row: δ_kl
/// closed: J[i, j] = δ(i,j)
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_019(x: &Array2<f64>) -> f64 {
    x.diag().sum()
}

/// row: δ_ij δ_ik
/// closed: J[i, j, k] = δ(i,j)·δ(i,k)
/// shapes: x = [4]
#[jacobian]
pub fn row_020(x: &Array1<f64>) -> Array2<f64> {
    Array2::from_diag(x)
}

/// row: δ_ik δ_il
/// closed: J[i, j, k] = δ(i,j)·δ(j,k)
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_021(x: &Array2<f64>) -> Array1<f64> {
    x.diag().to_owned()
}

/// row: δ_{flat(ij),flat(kl)} (row-major)
/// closed: J[0, 0, 0, 0] = 1
/// closed: J[0, 1, 0, 1] = 1
/// closed: J[0, 2, 0, 2] = 1
/// closed: J[0, 3, 0, 3] = 1
/// closed: J[1, 0, 0, 4] = 1
/// closed: J[1, 1, 0, 5] = 1
/// closed: J[1, 2, 1, 0] = 1
/// closed: J[1, 3, 1, 1] = 1
/// closed: J[2, 0, 1, 2] = 1
/// closed: J[2, 1, 1, 3] = 1
/// closed: J[2, 2, 1, 4] = 1
/// closed: J[2, 3, 1, 5] = 1
/// shapes: x = [2, 6]
#[jacobian(shape(x = [2, 6]))]
pub fn row_022(x: &Array2<f64>) -> Array2<f64> {
    x.to_owned().into_shape_with_order((3, 4)).unwrap()
}

/// row: δ_{i+r0,k} δ_{j+c0,l}
/// closed: J[i, j, k, l] = δ(i+1,k)·δ(j+1,l)
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_023(x: &Array2<f64>) -> Array2<f64> {
    x.slice(s![1..3, 1..3]).to_owned()
}

/// row: [A; I] (block rows)
/// closed: J[i, j] = δ(i-n,j)·[!(i < n)] + [i < n]·a[i,j]
/// shapes: a = [2, 4], x = [4]
#[jacobian(wrt(x))]
pub fn row_025(a: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    ndarray::concatenate(Axis(0), &[a.dot(x).view(), x.view()]).unwrap()
}

/// row: δ_ik 1_j
/// closed: J[i, j, k] = δ(i,k)
/// shapes: x = [4]
#[jacobian]
pub fn row_026(x: &Array1<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.len(), 3), |(i, _)| x[i])
}

/// row: 1_i δ_jk
/// closed: J[i, j, k] = δ(j,k)
/// shapes: m = [3, 4], x = [4]
#[jacobian(wrt(x))]
pub fn row_027(m: &Array2<f64>, x: &Array1<f64>) -> Array2<f64> {
    m + x
}

/// row: [i≥j] δ_ik δ_jl
/// closed: J[i, j, k, l] = δ(i,k)·δ(j,l)·[j <= i]
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_028(x: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(x.dim(), |(i, j)| if i >= j { x[[i, j]] } else { 0.0 })
}

/// row: ½(δ_ik δ_jl + δ_il δ_jk)
/// closed: J[i, j, k, l] = δ(i,k)·δ(j,l)·0.5 + δ(i,l)·δ(j,k)·0.5
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_029(x: &Array2<f64>) -> Array2<f64> {
    (x + &x.t()) * 0.5
}

/// row: [k≤i]
/// closed: J[i, j] = [j < i+1]
/// shapes: x = [4]
#[jacobian]
pub fn row_030(x: &Array1<f64>) -> Array1<f64> {
    let mut y = Array1::zeros(x.len());
    for i in 0..x.len() {
        for k in 0..=i {
            y[i] += x[k];
        }
    }
    y
}

/// row: w_{k−i} (0≤k−i<r)
/// closed: J[i, j] = δ(i,j)·w[0] + δ(i+1,j)·w[1]
/// shapes: x = [4], w = [2]
#[jacobian(wrt(x))]
pub fn row_031(x: &Array1<f64>, w: &Array1<f64>) -> Array1<f64> {
    Array1::from_shape_fn(x.len() - 1, |i| w[0] * x[i] + w[1] * x[i + 1])
}

/// row: y_k
/// closed: J[i] = y[i]
/// shapes: x = [3], y = [3]
#[jacobian(wrt(x))]
pub fn row_032(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    x.dot(y)
}

/// row: δ_ik y_j
/// closed: J[i, j, k] = δ(i,k)·y[j]
/// shapes: x = [3], y = [4]
#[jacobian(wrt(x))]
pub fn row_033(x: &Array1<f64>, y: &Array1<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.len(), y.len()), |(i, j)| x[i] * y[j])
}

/// row: x_i δ_jk
/// closed: J[i, j, k] = δ(j,k)·x[i]
/// shapes: x = [3], y = [4]
#[jacobian(wrt(y))]
pub fn row_034(x: &Array1<f64>, y: &Array1<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.len(), y.len()), |(i, j)| x[i] * y[j])
}

/// row: δ_ik x_j + x_i δ_jk
/// closed: J[i, j, k] = δ(i,k)·x[j] + δ(j,k)·x[i]
/// shapes: x = [3]
#[jacobian]
pub fn row_035(x: &Array1<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.len(), x.len()), |(i, j)| x[i] * x[j])
}

/// row: δ_ik x_l
/// closed: J[i, j, k] = δ(i,j)·x[k]
/// shapes: a = [3, 4], x = [4]
#[jacobian(wrt(a))]
pub fn row_036(a: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    a.dot(x)
}

/// row: δ_ik B_lj
/// closed: J[i, j, k, l] = δ(i,k)·b[l,j]
/// shapes: a = [3, 4], b = [4, 5]
#[jacobian(wrt(a))]
pub fn row_037(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(b)
}

/// row: A_ik δ_jl
/// closed: J[i, j, k, l] = δ(j,l)·a[i,k]
/// shapes: a = [3, 4], b = [4, 5]
#[jacobian(wrt(b))]
pub fn row_038(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(b)
}

/// row: δ_ik X_lj + X_ik δ_jl
/// closed: J[i, j, k, l] = δ(i,k)·x[l,j] + δ(j,l)·x[i,k]
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_039(x: &Array2<f64>) -> Array2<f64> {
    x.dot(x)
}

/// row: Σ_{r=0}^{2} (X^r)_ik (X^{2−r})_lj
/// closed: t1[i, j] = Σ_k x[i,k]·x[k,j]
/// closed: J[i, j, k, l] = δ(i,k)·t1[l,j] + x[i,k]·x[l,j] + δ(j,l)·t1[i,k]
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_040(x: &Array2<f64>) -> Array2<f64> {
    x.dot(x).dot(x)
}

/// row: δ_il X_kj + X_ki δ_jl
/// closed: J[i, j, k, l] = δ(i,l)·x[k,j] + δ(j,l)·x[k,i]
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_041(x: &Array2<f64>) -> Array2<f64> {
    x.t().dot(x)
}

/// row: δ_ik X_jl + X_il δ_jk
/// closed: J[i, j, k, l] = δ(i,k)·x[j,l] + δ(j,k)·x[i,l]
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_042(x: &Array2<f64>) -> Array2<f64> {
    x.dot(&x.t())
}

/// row: δ_il (MX)_kj + (MᵀX)_ki δ_jl
/// closed: t1[i, j] = Σ_k x[k,i]·m[k,j]
/// closed: J[i, j, k, l] = δ(i,l)·(Σ_q x[q,j]·m[k,q]) + δ(j,l)·t1[i,k]
/// shapes: x = [3, 4], m = [3, 3]
#[jacobian(wrt(x))]
pub fn row_043(x: &Array2<f64>, m: &Array2<f64>) -> Array2<f64> {
    x.t().dot(m).dot(x)
}

/// row: δ_ik (QXᵀ)_lj + (XQ)_il δ_jk
/// closed: t1[i, j] = Σ_k x[i,k]·q[k,j]
/// closed: J[i, j, k, l] = δ(i,k)·(Σ_p x[j,p]·q[l,p]) + δ(j,k)·t1[i,l]
/// shapes: x = [3, 4], q = [4, 4]
#[jacobian(wrt(x))]
pub fn row_044(x: &Array2<f64>, q: &Array2<f64>) -> Array2<f64> {
    x.dot(q).dot(&x.t())
}

/// row: M_ik (NXZ)_lj + (MXN)_ik Z_lj
/// closed: t1[i, j] = Σ_k m[i,k]·x[k,j]
/// closed: t2[i, j] = Σ_k t1[i,k]·n[k,j]
/// closed: part[i, j] = Σ_k x[k,j]·n[i,k]
/// closed: J[i, j, k, l] = t2[i,k]·z[l,j] + m[i,k]·(Σ_u z[u,j]·part[l,u])
/// shapes: m = [3, 3], x = [3, 3], n = [3, 3], z = [3, 3]
#[jacobian(wrt(x))]
pub fn row_045(m: &Array2<f64>, x: &Array2<f64>, n: &Array2<f64>, z: &Array2<f64>) -> Array2<f64> {
    m.dot(x).dot(n).dot(x).dot(z)
}

/// row: ((A+Aᵀ)x)_k
/// closed: t1[i] = Σ_j a[i,j]·x[j]
/// closed: J[i] = t1[i] + Σ_j x[j]·a[j,i]
/// shapes: x = [3], a = [3, 3]
#[jacobian(wrt(x))]
pub fn row_046(x: &Array1<f64>, a: &Array2<f64>) -> f64 {
    x.dot(&a.dot(x))
}

/// row: x_k y_l
/// closed: J[i, j] = y[j]·x[i]
/// shapes: x = [3], a = [3, 4], y = [4]
#[jacobian(wrt(a))]
pub fn row_047(x: &Array1<f64>, a: &Array2<f64>, y: &Array1<f64>) -> f64 {
    x.dot(&a.dot(y))
}

/// row: Y_ij δ_ik δ_jl
/// closed: J[i, j, k, l] = δ(i,k)·δ(j,l)·y[i,j]
/// shapes: x = [3, 3], y = [3, 3]
#[jacobian(wrt(x))]
pub fn row_048(x: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
    x * y
}

/// row: δ_ik δ_jl B_pq
/// closed: J[i, j, k, l, r, s] = δ(i,r)·δ(k,s)·b[j,l]
/// shapes: x = [2, 3], b = [2, 2]
#[jacobian(wrt(x))]
pub fn row_049(x: &Array2<f64>, b: &Array2<f64>) -> Array4<f64> {
    let ((m, n), (p, q)) = (x.dim(), b.dim());
    Array4::from_shape_fn((m, p, n, q), |(i, r, j, s)| x[[i, j]] * b[[r, s]])
}

/// row: 2x_k
/// closed: J[i] = 2·x[i]
/// shapes: x = [3]
#[jacobian]
pub fn row_050(x: &Array1<f64>) -> f64 {
    x.dot(x)
}

/// row: 2(Aᵀ(AX−B))_kl
/// closed: t1[i, j] = Σ_k a[i,k]·x[k,j]
/// closed: d_t1[i, j] = 2·(t1[i,j] − b[i,j])
/// closed: J[i, j] = Σ_k a[k,i]·d_t1[k,j]
/// shapes: a = [2, 3], x = [3, 4], b = [2, 4]
#[jacobian(wrt(x))]
pub fn row_051(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a.dot(x) - b).mapv(|r| r * r).sum()
}

/// row: 2(Aᵀ(Ax−b))_k
/// closed: t1[i] = Σ_j a[i,j]·x[j]
/// closed: d_t1[i] = 2·(t1[i] − b[i])
/// closed: J[i] = Σ_j d_t1[j]·a[j,i]
/// shapes: a = [4, 3], x = [3], b = [4]
#[jacobian(wrt(x))]
pub fn row_052(a: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>) -> f64 {
    (a.dot(x) - b).mapv(|r| r * r).sum()
}

/// row: 2(δ_ik−δ_jk)(X_il−X_jl)
/// closed: J[i, j, k, l] =
/// closed:     t1 = 2·(x[i,l] − x[j,l])
/// closed:     δ(i,k)·t1 + δ(j,k)·−t1
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_053(x: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), x.nrows()), |(i, j)| (0..x.ncols()).map(|k| (x[[i, k]] - x[[j, k]]).powi(2)).sum::<f64>())
}

/// row: A_lk
/// closed: J[i, j] = a[j,i]
/// shapes: a = [3, 3], x = [3, 3]
#[jacobian(wrt(x))]
pub fn row_054(a: &Array2<f64>, x: &Array2<f64>) -> f64 {
    a.dot(x).diag().sum()
}

/// row: A_kl
/// closed: J[i, j] = a[i,j]
/// shapes: a = [3, 3], x = [3, 3]
#[jacobian(wrt(x))]
pub fn row_055(a: &Array2<f64>, x: &Array2<f64>) -> f64 {
    a.dot(&x.t()).diag().sum()
}

/// row: (AᵀBᵀ)_kl
/// closed: J[i, j] = Σ_k a[k,i]·b[j,k]
/// shapes: a = [3, 3], x = [3, 3], b = [3, 3]
#[jacobian(wrt(x))]
pub fn row_056(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.dot(x).dot(b).diag().sum()
}

/// row: 2(Xᵀ)_kl
/// closed: J[i, j] = 2·x[j,i]
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_057(x: &Array2<f64>) -> f64 {
    x.dot(x).diag().sum()
}

/// row: p((X^{p−1})ᵀ)_kl
/// longer: that the four terms are one by cyclic permutation is not seen
/// closed: t1[i, j] = Σ_k x[i,k]·x[k,j]
/// closed: t2[i, j] = Σ_k t1[i,k]·x[k,j]
/// closed: d_t1[i, j] = t1[j,i]
/// closed: J[i, j] = t2[j,i] + Σ_k t1[k,i]·x[j,k] + (Σ_k x[j,k]·d_t1[i,k] + Σ_k x[k,i]·d_t1[k,j])
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_058(x: &Array2<f64>) -> f64 {
    x.dot(x).dot(x).dot(x).diag().sum()
}

/// row: ((A+Aᵀ)X)_kl
/// closed: t1[i, j] = Σ_k x[k,i]·a[k,j]
/// closed: J[i, j] = t1[j,i] + Σ_k a[i,k]·x[k,j]
/// shapes: x = [3, 3], a = [3, 3]
#[jacobian(wrt(x))]
pub fn row_059(x: &Array2<f64>, a: &Array2<f64>) -> f64 {
    x.t().dot(a).dot(x).diag().sum()
}

/// row: (X(A+Aᵀ))_kl
/// closed: t1[i, j] = Σ_k x[i,k]·a[k,j]
/// closed: J[i, j] = t1[i,j] + Σ_k a[j,k]·x[i,k]
/// shapes: x = [3, 3], a = [3, 3]
#[jacobian(wrt(x))]
pub fn row_060(x: &Array2<f64>, a: &Array2<f64>) -> f64 {
    x.dot(a).dot(&x.t()).diag().sum()
}

/// row: (AᵀXᵀBᵀ + BᵀXᵀAᵀ)_kl
/// closed: t1[i, j] = Σ_k a[i,k]·x[k,j]
/// closed: t2[i, j] = Σ_k t1[i,k]·b[k,j]
/// closed: d_t1[i, j] = Σ_k b[j,k]·x[k,i]
/// closed: J[i, j] = t2[j,i] + Σ_k a[k,i]·d_t1[k,j]
/// shapes: a = [3, 3], x = [3, 3], b = [3, 3]
#[jacobian(wrt(x))]
pub fn row_061(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.dot(x).dot(b).dot(x).diag().sum()
}

/// row: (AᵀCᵀXBᵀ + CAXB)_kl
/// closed: t1[i, j] = Σ_k a[i,k]·x[k,j]
/// closed: t2[i, j] = Σ_k t1[i,k]·b[k,j]
/// closed: d_t2[i, j] = Σ_k x[k,j]·c[k,i]
/// closed: d_t1[i, j] = Σ_k b[j,k]·d_t2[i,k]
/// closed: J[i, j] = Σ_k t2[k,j]·c[i,k] + Σ_k a[k,i]·d_t1[k,j]
/// shapes: a = [3, 3], x = [3, 3], b = [3, 3], c = [3, 3]
#[jacobian(wrt(x))]
pub fn row_062(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>) -> f64 {
    a.dot(x).dot(b).dot(&x.t()).dot(c).diag().sum()
}

/// row: 2Aᵀ(AXB+C)Bᵀ
/// closed: t1[i, j] = Σ_k a[i,k]·x[k,j]
/// closed: t2[i, j] = Σ_k t1[i,k]·b[k,j]
/// closed: y[i, j] = t2[i,j] + c[i,j]
/// closed: d_t1[i, j] = 2·(Σ_k b[j,k]·y[i,k])
/// closed: J[i, j] = Σ_k a[k,i]·d_t1[k,j]
/// shapes: a = [3, 3], x = [3, 3], b = [3, 3], c = [3, 3]
#[jacobian(wrt(x))]
pub fn row_063(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>, c: &Array2<f64>) -> f64 {
    let y = a.dot(x).dot(b) + c;
    y.dot(&y.t()).diag().sum()
}

/// row: δ_kl X_ij + tr(X) δ_ik δ_jl
/// closed: t1 = Σ_i x[i,i]
/// closed: J[i, j, k, l] = δ(k,l)·x[i,j] + δ(i,k)·δ(j,l)·t1
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_064(x: &Array2<f64>) -> Array2<f64> {
    x * x.diag().sum()
}

/// row: −(X⁻¹)_ik (X⁻¹)_lj
/// closed: t1 = inv(x)
/// closed: J[i, j, k, l] = −(t1[i,k]·t1[l,j])
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_065(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x)
}

/// row: −(X⁻¹)_jk (X⁻¹)_li
/// closed: t1 = inv(x)
/// closed: J[i, j, k, l] = −(t1[l,i]·t1[j,k])
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_066(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x).t().to_owned()
}

/// row: −(AX⁻¹)_ik (X⁻¹B)_lj
/// closed: t1 = inv(x)
/// closed: part[i, j] = Σ_k a[j,k]·t1[k,i]
/// closed: J[i, j, k, l] = −(part[k,i]·(Σ_q b[q,j]·t1[l,q]))
/// shapes: a = [3, 3], x = [3, 3], b = [3, 3]
#[jacobian(wrt(x))]
pub fn row_067(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    a.dot(&linalg::inv(x)).dot(b)
}

/// row: −(X⁻¹)_ik (X⁻¹b)_l
/// closed: t1 = solve(x, b)
/// closed: inv_x = inv(x)
/// closed: J[i, j, k] = −(t1[k]·inv_x[i,j])
/// shapes: x = [3, 3], b = [3]
#[jacobian(wrt(x))]
pub fn row_068(x: &Array2<f64>, b: &Array1<f64>) -> Array1<f64> {
    linalg::solve(x, b)
}

/// row: (A⁻¹)_ik
/// closed: inv_a = inv(a)
/// closed: J[i, j] = inv_a[i,j]
/// shapes: a = [3, 3], x = [3]
#[jacobian(wrt(x))]
pub fn row_069(a: &Array2<f64>, x: &Array1<f64>) -> Array1<f64> {
    linalg::solve(a, x)
}

/// row: −(X⁻ᵀ a bᵀ X⁻ᵀ)_kl
/// closed: t1 = inv(x)
/// closed: part[i] = Σ_j b[j]·t1[i,j]
/// closed: J[i, j] = −(part[j]·(Σ_k a[k]·t1[k,i]))
/// shapes: a = [3], x = [3, 3], b = [3]
#[jacobian(wrt(x))]
pub fn row_070(a: &Array1<f64>, x: &Array2<f64>, b: &Array1<f64>) -> f64 {
    a.dot(&linalg::inv(x).dot(b))
}

/// row: −(X⁻¹BAX⁻¹)ᵀ_kl
/// closed: t1 = inv(x)
/// closed: d_t1[i, j] = Σ_k a[k,i]·b[j,k]
/// closed: t1_m[i, j] = Σ_k d_t1[i,k]·t1[j,k]
/// closed: J[i, j] = −(Σ_k t1[k,i]·t1_m[k,j])
/// shapes: a = [3, 3], x = [3, 3], b = [3, 3]
#[jacobian(wrt(x))]
pub fn row_071(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> f64 {
    linalg::trace(&a.dot(&linalg::inv(x)).dot(b))
}

/// row: −((X+A)⁻²)ᵀ_kl
/// closed: s[i, j] = x[i,j] + a[i,j]
/// closed: t1 = inv(s)
/// closed: J[i, j] = −(Σ_k t1[j,k]·t1[k,i])
/// shapes: a = [3, 3], x = [3, 3]
#[jacobian(wrt(x))]
pub fn row_072(a: &Array2<f64>, x: &Array2<f64>) -> f64 {
    let s = x + a;
    linalg::trace(&linalg::inv(&s))
}

/// row: −[(X⁻¹)_ik (X⁻²)_lj + (X⁻²)_ik (X⁻¹)_lj]
/// closed: u = inv(x)
/// closed: J[i, j, k, l] = −(u[i,k]·(Σ_p u[p,j]·u[l,p]) + u[l,j]·(Σ_p u[i,p]·u[p,k]))
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_073(x: &Array2<f64>) -> Array2<f64> {
    let u = linalg::inv(x);
    u.dot(&u)
}

/// row: det(X)(X⁻ᵀ)_kl
/// closed: t1 = det(x)
/// closed: inv_x = inv(x)
/// closed: J[i, j] = t1·inv_x[j,i]
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_074(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

/// row: rows of X: [r1×r2; r2×r0; r0×r1]
/// closed: J[0, 0] = x[1,1]·x[2,2] − x[1,2]·x[2,1]
/// closed: J[0, 1] = x[1,2]·x[2,0] − x[1,0]·x[2,2]
/// closed: J[0, 2] = x[1,0]·x[2,1] − x[1,1]·x[2,0]
/// closed: J[1, 0] = x[0,2]·x[2,1] − x[0,1]·x[2,2]
/// closed: J[1, 1] = x[0,0]·x[2,2] − x[0,2]·x[2,0]
/// closed: J[1, 2] = x[0,1]·x[2,0] − x[0,0]·x[2,1]
/// closed: J[2, 0] = x[0,1]·x[1,2] − x[0,2]·x[1,1]
/// closed: J[2, 1] = x[0,2]·x[1,0] − x[0,0]·x[1,2]
/// closed: J[2, 2] = x[0,0]·x[1,1] − x[0,1]·x[1,0]
/// shapes: x = [3, 3]
#[jacobian(shape(x = [3, 3]))]
pub fn row_075(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

/// row: (X⁻ᵀ)_kl
/// closed: inv_x = inv(x)
/// closed: J[i, j] = inv_x[j,i]
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_076(x: &Array2<f64>) -> f64 {
    linalg::ln_det(x)
}

/// row: det(AXB)(X⁻ᵀ)_kl
/// closed: t1[i, j] = Σ_k a[i,k]·x[k,j]
/// closed: t2[i, j] = Σ_k t1[i,k]·b[k,j]
/// closed: t3 = det(t2)
/// closed: inv_t2 = inv(t2)
/// closed: d_t2[i, j] = t3·inv_t2[j,i]
/// closed: d_t1[i, j] = Σ_k b[j,k]·d_t2[i,k]
/// closed: J[i, j] = Σ_k a[k,i]·d_t1[k,j]
/// longer: the inverse is that of AXB, which is there where A and B are not square too
/// shapes: a = [3, 3], x = [3, 3], b = [3, 3]
#[jacobian(wrt(x))]
pub fn row_077(a: &Array2<f64>, x: &Array2<f64>, b: &Array2<f64>) -> f64 {
    linalg::det(&a.dot(x).dot(b))
}

/// row: 2det(XᵀX)(X(XᵀX)⁻¹)_kl
/// closed: t1[i, j] = Σ_k x[k,i]·x[k,j]
/// closed: t2 = det(t1)
/// closed: inv_t1 = inv(t1)
/// closed: d_t1[i, j] = t2·inv_t1[i,j]
/// closed: J[i, j] = 2·(Σ_k x[i,k]·d_t1[j,k])
/// shapes: x = [4, 3]
#[jacobian]
pub fn row_078(x: &Array2<f64>) -> f64 {
    linalg::det(&x.t().dot(x))
}

/// row: 2(X(XᵀX)⁻¹)_kl
/// closed: t1[i, j] = Σ_k x[k,i]·x[k,j]
/// closed: inv_t1 = inv(t1)
/// closed: J[i, j] = 2·(Σ_k x[i,k]·inv_t1[j,k])
/// shapes: x = [4, 3]
#[jacobian]
pub fn row_079(x: &Array2<f64>) -> f64 {
    linalg::ln_det(&x.t().dot(x))
}

/// row: p det(X)^p (X⁻ᵀ)_kl
/// closed: t1 = det(x)
/// closed: inv_x = inv(x)
/// closed: J[i, j] = 3·inv_x[j,i]·(t1·(t1·t1))
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_080(x: &Array2<f64>) -> f64 {
    linalg::det(x).powi(3)
}

/// row: det(X)[(X⁻¹)_ij (X⁻¹)_lk − (X⁻¹)_ik (X⁻¹)_lj]
/// closed: t1 = inv(x)
/// closed: t2 = det(x)
/// closed: J[i, j, k, l] = t2·(t1[l,k]·t1[i,j] − t1[i,k]·t1[l,j])
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_081(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(x) * linalg::det(x)
}

/// row: −(X⁺)_ik (X⁺)_lj + ((XᵀX)⁻¹)_il (I−XX⁺)_kj
/// closed: t1[i, j] = Σ_k x[k,i]·x[k,j]
/// closed: t2 = inv(t1)
/// closed: part[i, j] = Σ_k t2[j,k]·x[i,k]
/// closed: J[i, j, k, l] = −(t2[i,l]·(Σ_p x[j,p]·part[k,p]) + part[k,i]·part[j,l]) + δ(j,k)·t2[i,l]
/// shapes: x = [4, 3]
#[jacobian]
pub fn row_082(x: &Array2<f64>) -> Array2<f64> {
    linalg::inv(&x.t().dot(x)).dot(&x.t())
}

/// row: (I−P)_ik (X⁺)_lj + (X⁺)_li (I−P)_jk
/// closed: t1[i, j] = Σ_k x[k,i]·x[k,j]
/// closed: t2 = inv(t1)
/// closed: t3[i, j] = Σ_k x[i,k]·t2[j,k]
/// closed: part[i, j] = Σ_k x[j,k]·t3[i,k]
/// closed: J[i, j, k, l] = δ(i,k)·t3[j,l] + −(part[k,i]·t3[j,l]) + −(t3[i,l]·part[k,j]) + δ(j,k)·t3[i,l]
/// shapes: x = [4, 3]
#[jacobian]
pub fn row_083(x: &Array2<f64>) -> Array2<f64> {
    x.dot(&linalg::inv(&x.t().dot(x))).dot(&x.t())
}

/// row: f′(X_ij) δ_ik δ_jl
/// closed: y[i, j] = exp(x[i,j])
/// closed: J[i, j, k, l] = δ(i,k)·δ(j,l)·y[i,j]
/// shapes: x = [3, 3]
#[jacobian]
pub fn row_084(x: &Array2<f64>) -> Array2<f64> {
    x.mapv(f64::exp)
}

/// row: diag(1/cos²x)
/// closed: y[i] = tan(x[i])
/// closed: J[i, j] = δ(i,j)·(1 + y[i]·y[i])
/// shapes: x = [4]
#[jacobian]
pub fn row_084a(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.tan())
}

/// row: diag(1/√(1−x²))
/// closed: J[i, j] = δ(i,j)·(1/sqrt((1 − x[i])·(1 + x[i])))
/// shapes: x = [4]
/// range: -0.9..0.9
#[jacobian]
pub fn row_084b(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.asin())
}

/// row: diag(−1/√(1−x²))
/// closed: J[i, j] = δ(i,j)·−(1/sqrt((1 − x[i])·(1 + x[i])))
/// shapes: x = [4]
/// range: -0.9..0.9
#[jacobian]
pub fn row_084c(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.acos())
}

/// row: diag(1/(1+x²))
/// closed: J[i, j] = δ(i,j)·(1/(1 + x[i]·x[i]))
/// shapes: x = [4]
#[jacobian]
pub fn row_084d(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.atan())
}

/// row: diag(cosh x)
/// closed: J[i, j] = δ(i,j)·cosh(x[i])
/// shapes: x = [4]
#[jacobian]
pub fn row_084e(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.sinh())
}

/// row: diag(sinh x)
/// closed: J[i, j] = δ(i,j)·sinh(x[i])
/// shapes: x = [4]
#[jacobian]
pub fn row_084f(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.cosh())
}

/// row: diag(1−tanh²x)
/// closed: J[i, j] =
/// closed:     t1 = 1/cosh(x[i])
/// closed:     δ(i,j)·(t1·t1)
/// shapes: x = [4]
#[jacobian]
pub fn row_084g(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.tanh())
}

/// row: diag(eˣ)
/// closed: y[i] = exp(x[i])
/// closed: J[i, j] = δ(i,j)·y[i]
/// shapes: x = [4]
#[jacobian]
pub fn row_084h(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.exp())
}

/// row: diag(1/x)
/// closed: J[i, j] = δ(i,j)·(1/x[i])
/// shapes: x = [4]
/// range: 0.2..2.0
#[jacobian]
pub fn row_084i(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.ln())
}

/// row: diag(1/(1+x))
/// closed: J[i, j] = δ(i,j)·(1/(1 + x[i]))
/// shapes: x = [4]
/// range: -0.5..2.0
#[jacobian]
pub fn row_084j(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.ln_1p())
}

/// row: diag(eˣ)
/// closed: J[i, j] = δ(i,j)·exp(x[i])
/// shapes: x = [4]
#[jacobian]
pub fn row_084k(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.exp_m1())
}

/// row: diag(1/(2√x))
/// closed: y[i] = sqrt(x[i])
/// closed: J[i, j] = δ(i,j)·(0.5/y[i])
/// shapes: x = [4]
/// range: 0.2..2.0
#[jacobian]
pub fn row_084l(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.sqrt())
}

/// row: diag(1/(3·cbrt(x)²))
/// closed: y[i] = cbrt(x[i])
/// closed: J[i, j] =
/// closed:     t1 = 1/y[i]
/// closed:     δ(i,j)·(1/3·(t1·t1))
/// shapes: x = [4]
/// range: 0.2..2.0
#[jacobian]
pub fn row_084m(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.cbrt())
}

/// row: diag(−1/x²)
/// closed: y[i] = 1/x[i]
/// closed: J[i, j] = δ(i,j)·−(y[i]/x[i])
/// shapes: x = [4]
/// range: 0.2..2.0
#[jacobian]
pub fn row_084n(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.recip())
}

/// row: diag(3x²)
/// closed: J[i, j] = δ(i,j)·(3·(x[i]·x[i]))
/// shapes: x = [4]
#[jacobian]
pub fn row_084o(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.powi(3))
}

/// row: diag(2.5x^1.5)
/// closed: J[i, j] = δ(i,j)·(2.5·pow(x[i], 1.5))
/// shapes: x = [4]
/// range: 0.2..2.0
#[jacobian]
pub fn row_084p(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.powf(2.5))
}

/// row: diag(sign x (0 at 0))
/// closed: J[i, j] = δ(i,j)·select(0 < x[i], 1, select(x[i] < 0, -1, 0))
/// shapes: x = [4]
#[jacobian]
pub fn row_084q(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.abs())
}

/// row: diag([x>0])
/// closed: J[i, j] = δ(i,j)·select(0 < x[i], 1, select(x[i] == 0, 0.5, 0))
/// shapes: x = [4]
#[jacobian]
pub fn row_084r(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.max(0.0))
}

/// row: diag(σ(1−σ))
/// closed: y[i] = 1/(1 + exp(−x[i]))
/// closed: J[i, j] =
/// closed:     t1 = exp(−x[i])
/// closed:     δ(i,j)·(y[i]·t1/(1 + t1))
/// shapes: x = [4]
#[jacobian]
pub fn row_084s(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| 1.0 / (1.0 + (-v).exp()))
}

/// row: diag(σ(x))
/// closed: J[i, j] =
/// closed:     t1 = exp(x[i])
/// closed:     δ(i,j)·(t1/(1 + t1))
/// shapes: x = [4]
#[jacobian]
pub fn row_084t(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.exp().ln_1p())
}

/// row: diag(σ(1+x(1−σ)))
/// closed: y[i] = x[i]/(1 + exp(−x[i]))
/// closed: J[i, j] =
/// closed:     t1 = exp(−x[i])
/// closed:     t2 = 1/(1 + t1)
/// closed:     δ(i,j)·t2 + δ(i,j)·(y[i]·t1·t2)
/// shapes: x = [4]
#[jacobian]
pub fn row_084u(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v / (1.0 + (-v).exp()))
}

/// row: diag(1/(x ln2))
/// closed: J[i, j] = δ(i,j)·(9007199254740992/6243314768165359/x[i])
/// shapes: x = [4]
/// range: 0.2..2.0
#[jacobian]
pub fn row_084v(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.log2())
}

/// row: diag(1/(x ln10))
/// closed: J[i, j] = δ(i,j)·(1125899906842624/2592480341699211/x[i])
/// shapes: x = [4]
/// range: 0.2..2.0
#[jacobian]
pub fn row_084w(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.log10())
}

/// row: diag(1/√(x²+1))
/// closed: J[i, j] = δ(i,j)·(1/hypot(x[i], 1))
/// shapes: x = [4]
#[jacobian]
pub fn row_084x(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.asinh())
}

/// row: diag(1/(1−x²))
/// closed: J[i, j] = δ(i,j)·(1/((1 − x[i])·(1 + x[i])))
/// shapes: x = [4]
/// range: -0.9..0.9
#[jacobian]
pub fn row_084y(x: &Array1<f64>) -> Array1<f64> {
    x.mapv(|v| v.atanh())
}

/// row: diag(x^y ln x)
/// closed: y2[i] = pow(x[i], y[i])
/// closed: J[i, j] = δ(i,j)·select(0 <= y[i] && x[i] == 0, 0, y2[i]·ln(x[i]))
/// shapes: x = [4], y = [4]
/// range: 0.2..2.0
#[jacobian(wrt(y))]
pub fn row_085(x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    Zip::from(x).and(y).map_collect(|x, y| x.powf(*y))
}

/// row: diag(x/(x²+y²))
/// closed: J[i, j] =
/// closed:     t1 = 1/hypot(y[i], x[i])
/// closed:     δ(i,j)·(t1·(x[i]·t1))
/// shapes: y = [4], x = [4]
#[jacobian(wrt(y))]
pub fn row_086(y: &Array1<f64>, x: &Array1<f64>) -> Array1<f64> {
    Zip::from(y).and(x).map_collect(|y, x| y.atan2(*x))
}

/// row: diag(x/√(x²+y²))
/// closed: y2[i] = hypot(x[i], y[i])
/// closed: J[i, j] = δ(i,j)·(x[i]/select(y2[i] == 0, 1, y2[i]))
/// shapes: x = [4], y = [4]
#[jacobian(wrt(x))]
pub fn row_087(x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    Zip::from(x).and(y).map_collect(|x, y| x.hypot(*y))
}

/// row: diag([x>y])
/// closed: J[i, j] = δ(i,j)·select(y[i] < x[i], 1, select(x[i] == y[i], 0.5, 0))
/// shapes: x = [4], y = [4]
#[jacobian(wrt(x))]
pub fn row_088(x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
    Zip::from(x).and(y).map_collect(|x, y| x.max(*y))
}

/// row: x_k/‖x‖
/// closed: t1 = Σ_i x[i]·x[i]
/// closed: y = sqrt(t1)
/// closed: J[i] = x[i]/select(y == 0, 1, y)
/// shapes: x = [4]
#[jacobian]
pub fn row_089(x: &Array1<f64>) -> f64 {
    x.dot(x).sqrt()
}

/// row: X_kl/‖X‖_F
/// closed: t1 = Σ_i Σ_j x[i,j]·x[i,j]
/// closed: y = sqrt(t1)
/// closed: J[i, j] = x[i,j]/select(y == 0, 1, y)
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_090(x: &Array2<f64>) -> f64 {
    x.mapv(|v| v * v).sum().sqrt()
}

/// row: sign(x_k)
/// closed: J[i] = select(0 < x[i], 1, select(x[i] < 0, -1, 0))
/// shapes: x = [4]
#[jacobian]
pub fn row_091(x: &Array1<f64>) -> f64 {
    x.mapv(f64::abs).sum()
}

/// row: sign(x_k)|x_k|^{p−1}/‖x‖_p^{p−1}
/// closed: t1 = sum[i](let t2 = abs(x[i]); t2·(t2·t2))
/// closed: J[i] =
/// closed:     t3 = 18014398509481983/18014398509481984·(x[i]·x[i])·pow(t1, -12009599006321323/18014398509481984)
/// closed:     select(0 < x[i], t3, select(x[i] < 0, −t3, 0))
/// shapes: x = [4]
#[jacobian]
pub fn row_092(x: &Array1<f64>) -> f64 {
    x.mapv(|v| v.abs().powi(3)).sum().powf(1.0 / 3.0)
}

/// row: e_argmax
/// longer: the choices of the rounds are followed back, as ties may share them
/// closed: loop i
/// closed: first t1 = x[0]
/// closed: next t1 = max(t1[i], x[i])
/// closed: loop i
/// closed: first d_t1 = 1
/// closed: next d_t1 = select(x[-i+n-1] < t1[-i+n-1], d_t1[i], select(t1[-i+n-1] == x[-i+n-1], 0.5·d_t1[i], 0))
/// closed: J[i] = δ(0,i)·d_t1[n] + select(t1[i] < x[i], d_t1[-i+n-1], select(t1[i] == x[i], 0.5·d_t1[-i+n-1], 0))
/// shapes: x = [4]
#[jacobian]
pub fn row_093(x: &Array1<f64>) -> f64 {
    x.iter().copied().fold(x[0], f64::max)
}

/// row: (δ_ik − u_i u_k)/‖x‖
/// closed: t1 = Σ_i x[i]·x[i]
/// closed: t2 = 1/sqrt(t1)
/// closed: y[i] = x[i]·t2
/// closed: J[i, j] = −(x[j]·y[i]·(t2·t2)) + δ(i,j)·t2
/// shapes: x = [4]
#[jacobian]
pub fn row_094(x: &Array1<f64>) -> Array1<f64> {
    x / x.dot(x).sqrt()
}

/// row: (δ_ik − p_i)/S
/// closed: t1 = Σ_i x[i]
/// closed: t2 = 1/t1
/// closed: y[i] = x[i]·t2
/// closed: J[i, j] = δ(i,j)·t2 − y[i]·t2
/// shapes: x = [4]
/// range: 0.2..2.0
#[jacobian]
pub fn row_095(x: &Array1<f64>) -> Array1<f64> {
    x / x.sum()
}

/// row: softmax(x)_k
/// closed: t1 = Σ_i exp(x[i])
/// closed: J[i] = 1/t1·exp(x[i])
/// shapes: x = [4]
#[jacobian]
pub fn row_096(x: &Array1<f64>) -> f64 {
    x.mapv(f64::exp).sum().ln()
}

/// row: s_i(δ_ik − s_k)
/// closed: e[i] = exp(x[i])
/// closed: t1 = Σ_i e[i]
/// closed: t2 = 1/t1
/// closed: y[i] = e[i]·t2
/// closed: J[i, j] = δ(i,j)·(e[i]·t2) − e[j]·y[i]·t2
/// shapes: x = [4]
#[jacobian]
pub fn row_097(x: &Array1<f64>) -> Array1<f64> {
    let e = x.mapv(f64::exp);
    &e / e.sum()
}

/// row: δ_ik − s_k
/// closed: t1 = Σ_i exp(x[i])
/// closed: J[i, j] = δ(i,j) − 1/t1·exp(x[j])
/// shapes: x = [4]
#[jacobian]
pub fn row_098(x: &Array1<f64>) -> Array1<f64> {
    x - x.mapv(f64::exp).sum().ln()
}

/// row: δ_ik S_ij(δ_jl − S_il)
/// closed: e[i, j] = exp(x[i,j])
/// closed: total[i] = Σ_j e[i,j]
/// closed: y[i, j] = e[i,j]/total[i]
/// closed: J[i, j, k, l] =
/// closed:     t1 = 1/total[i]
/// closed:     δ(i,k)·δ(j,l)·(e[i,j]·t1) + δ(i,k)·−(y[i,j]·e[i,l]·t1)
/// shapes: x = [3, 4]
#[jacobian]
pub fn row_099(x: &Array2<f64>) -> Array2<f64> {
    let e = x.mapv(f64::exp);
    let total = e.sum_axis(Axis(1)).insert_axis(Axis(1));
    e / total
}

/// row: Π_{r≠k} x_r
/// closed: loop i
/// closed: first t1 = 1
/// closed: next t1 = x[i]·t1[i]
/// closed: loop i
/// closed: first d_t1 = 1
/// closed: next d_t1 = d_t1[i]·x[-i+n-1]
/// closed: J[i] = t1[i]·d_t1[-i+n-1]
/// shapes: x = [4]
#[jacobian]
pub fn row_100(x: &Array1<f64>) -> f64 {
    x.product()
}

/// row: [k≤i] Π_{r≤i,r≠k} x_r
/// closed: t1 = x[1]·x[2]
/// closed: t2 = x[0]·x[2]
/// closed: t3 = x[0]·x[1]
/// closed: J[0, 0] = 1
/// closed: J[1, 0] = x[1]
/// closed: J[1, 1] = x[0]
/// closed: J[2, 0] = t1
/// closed: J[2, 1] = t2
/// closed: J[2, 2] = t3
/// closed: J[3, 0] = x[3]·t1
/// closed: J[3, 1] = x[3]·t2
/// closed: J[3, 2] = x[3]·t3
/// closed: J[3, 3] = x[0]·t1
#[jacobian]
pub fn row_101(x: [f64; 4]) -> [f64; 4] {
    let mut y = x;
    for i in 1..4 {
        y[i] *= y[i - 1];
    }
    y
}

/// row: 2(x_k − x̄)/n
/// longer: that Σ (x − mean) vanishes is not seen
/// closed: t1 = Σ_i x[i]
/// closed: t2 = 1/n
/// closed: mean = t1·t2
/// closed: J[i] = −(2·t2·((t1 + Σ_j (x[j] − mean))·t2 − x[i]))
/// shapes: x = [4]
#[jacobian]
pub fn row_102(x: &Array1<f64>) -> f64 {
    let mean = x.mean().unwrap();
    x.mapv(|v| (v - mean).powi(2)).mean().unwrap()
}

/// row: (1/σ)(δ_ik − 1/n − z_i z_k/n)
/// closed: t1 = Σ_i x[i]
/// closed: t3 = 1/n
/// closed: centred[i] = x[i] − t1·t3
/// closed: t2 = Σ_i centred[i]·centred[i]
/// closed: part = t3
/// closed: t4 = 1/sqrt(t2·t3)
/// closed: y[i] = centred[i]·t4
/// closed: t5 = t3·t4
/// closed: J[i, j] = y[i]·t4·((centred[j] − part·(Σ_k centred[k]))·−t5) − t5 + δ(i,j)·t4
/// longer: as in row 102
/// shapes: x = [4]
#[jacobian]
pub fn row_103(x: &Array1<f64>) -> Array1<f64> {
    let centred = x - x.mean().unwrap();
    let deviation = centred.mapv(|v| v * v).mean().unwrap().sqrt();
    centred / deviation
}

/// row: (ŷ − c x̂)_k/‖x‖
/// closed: t1 = Σ_i x[i]·y[i]
/// closed: t2 = Σ_i x[i]·x[i]
/// closed: t3 = Σ_i y[i]·y[i]
/// closed: t4 = 1/sqrt(t2)
/// closed: t5 = t4/sqrt(t3)
/// closed: y2 = t1·t5
/// closed: J[i] = y[i]·t5 − y2·x[i]·(t4·t4)
/// shapes: x = [4], y = [4]
#[jacobian(wrt(x))]
pub fn row_104(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    x.dot(y) / (x.dot(x).sqrt() * y.dot(y).sqrt())
}

/// row: dL = L·Φ(L⁻¹ sym(dA) L⁻ᵀ), Φ = tril with ½ diagonal
/// closed: t1[i, j] = a[i,j] + 4·select(i == j, 1, 0)
/// closed: t2 = cholesky(t1)
/// closed: inv_t2 = inv(t2)
/// closed: t2_x[i, j, k] = Σ_l select(l < j, 0, t2[i,l]·inv_t2[l,k]·select(l == j, 0.25, 0.5))
/// closed: J[i, j, k, l] = t2_x[i,j,k]·inv_t2[j,l] + inv_t2[j,k]·t2_x[i,j,l]
/// shapes: a = [3, 3]
/// range: 0..1
#[jacobian]
pub fn row_105(a: &Array2<f64>) -> Array2<f64> {
    linalg::cholesky(&(a + Array2::<f64>::eye(a.nrows()) * 4.0))
}

/// row: (A⁻¹)_kl
/// closed: inv_a = inv(a)
/// closed: J[i, j] = inv_a[j,i]
/// shapes: a = [3, 3]
#[jacobian]
pub fn row_106(a: &Array2<f64>) -> f64 {
    linalg::ln_det(a)
}

/// row: [a]×
/// closed: J[i, j] = δ(0,i)·δ(2,j)·a[1] + δ(0,i)·δ(1,j)·−a[2] + δ(0,j)·δ(1,i)·a[2] + δ(1,i)·δ(2,j)·−a[0] + δ(1,j)·δ(2,i)·a[0] + δ(0,j)·δ(2,i)·−a[1]
/// shapes: a = [3], x = [3]
#[jacobian(wrt(x))]
pub fn row_111(a: &Array1<f64>, x: &Array1<f64>) -> Array1<f64> {
    array![a[1] * x[2] - a[2] * x[1], a[2] * x[0] - a[0] * x[2], a[0] * x[1] - a[1] * x[0]]
}

/// row: −[b]×
/// closed: J[i, j] = δ(0,i)·δ(1,j)·b[2] + δ(0,i)·δ(2,j)·−b[1] + δ(1,i)·δ(2,j)·b[0] + δ(0,j)·δ(1,i)·−b[2] + δ(0,j)·δ(2,i)·b[1] + δ(1,j)·δ(2,i)·−b[0]
/// shapes: x = [3], b = [3]
#[jacobian(wrt(x))]
pub fn row_112(x: &Array1<f64>, b: &Array1<f64>) -> Array1<f64> {
    array![x[1] * b[2] - x[2] * b[1], x[2] * b[0] - x[0] * b[2], x[0] * b[1] - x[1] * b[0]]
}

/// row: (c×a)_k
/// closed: J[i] = δ(1,i)·(c[2]·a[0]) + δ(2,i)·−(c[1]·a[0]) + δ(2,i)·(c[0]·a[1]) + δ(0,i)·−(c[2]·a[1]) + δ(0,i)·(c[1]·a[2]) + δ(1,i)·−(c[0]·a[2])
/// shapes: a = [3], x = [3], c = [3]
#[jacobian(wrt(x))]
pub fn row_113(a: &Array1<f64>, x: &Array1<f64>, c: &Array1<f64>) -> f64 {
    let p = array![x[1] * c[2] - x[2] * c[1], x[2] * c[0] - x[0] * c[2], x[0] * c[1] - x[1] * c[0]];
    a.dot(&p)
}

/// row: −ε_ijk
/// closed: J[i, j, k] = δ(0,i)·δ(1,k)·δ(2,j) − δ(0,i)·δ(1,j)·δ(2,k) + δ(0,j)·δ(1,i)·δ(2,k) − δ(0,k)·δ(1,i)·δ(2,j) − δ(0,j)·δ(1,k)·δ(2,i) + δ(0,k)·δ(1,j)·δ(2,i)
/// shapes: x = [3]
#[jacobian]
pub fn row_114(x: &Array1<f64>) -> Array2<f64> {
    array![[0.0, -x[2], x[1]], [x[2], 0.0, -x[0]], [-x[1], x[0], 0.0]]
}

/// row: [[−s,−c],[c,−s]]
/// closed: t1 = −sin(t)
/// closed: t2 = cos(t)
/// closed: J[0, 0] = t1
/// closed: J[0, 1] = −t2
/// closed: J[1, 0] = t2
/// closed: J[1, 1] = t1
#[jacobian]
pub fn row_115(t: f64) -> Array2<f64> {
    array![[t.cos(), -t.sin()], [t.sin(), t.cos()]]
}

/// row: −[R p]× J_l(ω), J_l = I+(1−cosθ)/θ²[ω]×+(θ−sinθ)/θ³[ω]×² (series at θ→0)
/// longer: element by element, where J_l is one matrix; NaN at 0, as the function written with quotients
/// closed: square = w[2]·w[2] + (w[0]·w[0] + w[1]·w[1])
/// closed: t1 = 1/square
/// closed: t2 = sqrt(square)
/// closed: t3 = cos(t2)
/// closed: b = t1·(1 − t3)
/// closed: t4 = p[2]·b
/// closed: t5 = w[2]·t4
/// closed: t6 = p[1]·b
/// closed: t7 = w[1]·t6
/// closed: t8 = w[1]·p[2] − w[2]·p[1]
/// closed: t9 = 1/t2
/// closed: a = t9·sin(t2)
/// closed: t10 = 0.5·(t9·t9)·(t3 − a)
/// closed: t11 = w[0]·p[1] − w[1]·p[0]
/// closed: t12 = t1·(0.5·a − b)
/// closed: t13 = w[1]·t12
/// closed: t14 = w[2]·p[0] − w[0]·p[2]
/// closed: t15 = w[2]·t12
/// closed: t16 = 2·(t8·t10 + t11·t13 − t14·t15)
/// closed: t17 = p[2]·a + t11·b
/// closed: t18 = p[0]·b
/// closed: t19 = t18 − t16
/// closed: t20 = p[1]·a + t14·b
/// closed: t21 = w[0]·t12
/// closed: t22 = 2·(t14·t10 + t8·t15 − t11·t21)
/// closed: t23 = t6 − t22
/// closed: t24 = w[0]·t18
/// closed: t25 = p[0]·a + t8·b
/// closed: t26 = 2·(t14·t21 + (t11·t10 − t8·t13))
/// closed: t27 = t4 − t26
/// closed: J[0, 0] = t5 + t7 + w[0]·t16
/// closed: J[0, 1] = t17 − w[1]·t19
/// closed: J[0, 2] = −(t20 + w[2]·t19)
/// closed: J[1, 0] = −(t17 + w[0]·t23)
/// closed: J[1, 1] = t5 + t24 + w[1]·t22
/// closed: J[1, 2] = t25 − w[2]·t23
/// closed: J[2, 0] = t20 − w[0]·t27
/// closed: J[2, 1] = −(t25 + w[1]·t27)
/// closed: J[2, 2] = t7 + t24 + w[2]·t26
#[jacobian(wrt(w))]
pub fn row_116(w: [f64; 3], p: [f64; 3]) -> [f64; 3] {
    let square = w[0] * w[0] + w[1] * w[1] + w[2] * w[2];
    let theta = square.sqrt();
    let (a, b) = (theta.sin() / theta, (1.0 - theta.cos()) / square);
    let cross = |x: [f64; 3], y: [f64; 3]| [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
    let once = cross(w, p);
    let twice = cross(w, once);
    [p[0] + a * once[0] + b * twice[0], p[1] + a * once[1] + b * twice[1], p[2] + a * once[2] + b * twice[2]]
}

/// row: R(ω)
/// closed: t1 = w[0]·w[0]
/// closed: square = w[2]·w[2] + (t1 + w[1]·w[1])
/// closed: t2 = sqrt(square)
/// closed: b = (1 − cos(t2))/square
/// closed: t3 = w[1]·b
/// closed: t4 = w[1]·t3
/// closed: t5 = w[2]·b
/// closed: t6 = w[2]·t5
/// closed: t7 = w[0]·t3
/// closed: a = sin(t2)/t2
/// closed: t8 = w[2]·a
/// closed: t9 = w[1]·a
/// closed: t10 = w[0]·t5
/// closed: t11 = 1 − t1·b
/// closed: t12 = w[2]·t3
/// closed: t13 = w[0]·a
/// closed: J[0, 0] = 1 − t4 − t6
/// closed: J[0, 1] = t7 − t8
/// closed: J[0, 2] = t9 + t10
/// closed: J[1, 0] = t8 + t7
/// closed: J[1, 1] = t11 − t6
/// closed: J[1, 2] = t12 − t13
/// closed: J[2, 0] = t10 − t9
/// closed: J[2, 1] = t13 + t12
/// closed: J[2, 2] = t11 − t4
#[jacobian(wrt(p))]
pub fn row_117(w: [f64; 3], p: [f64; 3]) -> [f64; 3] {
    let square = w[0] * w[0] + w[1] * w[1] + w[2] * w[2];
    let theta = square.sqrt();
    let (a, b) = (theta.sin() / theta, (1.0 - theta.cos()) / square);
    let cross = |x: [f64; 3], y: [f64; 3]| [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
    let once = cross(w, p);
    let twice = cross(w, once);
    [p[0] + a * once[0] + b * twice[0], p[1] + a * once[1] + b * twice[1], p[2] + a * once[2] + b * twice[2]]
}

/// row: [2(wp+v×p) | 2(v pᵀ − p vᵀ + (v·p)I − w[p]×)]
/// closed: t1 = 2·p[0]
/// closed: t2 = 2·p[2]
/// closed: t3 = q[0]·t1 + q[2]·t2
/// closed: t4 = 2·p[1]
/// closed: t5 = q[3]·t4
/// closed: t6 = t3 − t5
/// closed: dot = q[2]·t4 + (q[1]·t1 + q[3]·t2)
/// closed: t7 = q[1]·t4 + (q[0]·t2 − q[2]·t1)
/// closed: t8 = q[0]·t4 + (q[3]·t1 − q[1]·t2)
/// closed: J[0, 0] = t6
/// closed: J[0, 1] = dot
/// closed: J[0, 2] = t7
/// closed: J[0, 3] = −t8
/// closed: J[1, 0] = t8
/// closed: J[1, 1] = −t7
/// closed: J[1, 2] = dot
/// closed: J[1, 3] = t6
/// closed: J[2, 0] = t7
/// closed: J[2, 1] = t8
/// closed: J[2, 2] = t5 − t3
/// closed: J[2, 3] = dot
#[jacobian(wrt(q))]
pub fn row_118(q: [f64; 4], p: [f64; 3]) -> [f64; 3] {
    let [w, x, y, z] = q;
    let square = w * w - x * x - y * y - z * z;
    let dot = 2.0 * (x * p[0] + y * p[1] + z * p[2]);
    [
        square * p[0] + dot * x + 2.0 * w * (y * p[2] - z * p[1]),
        square * p[1] + dot * y + 2.0 * w * (z * p[0] - x * p[2]),
        square * p[2] + dot * z + 2.0 * w * (x * p[1] - y * p[0]),
    ]
}

/// row: R(r) = [[r0,−rᵥᵀ],[rᵥ, r0 I − [rᵥ]×]]
/// closed: J[0, 0] = r[0]
/// closed: J[0, 1] = −r[1]
/// closed: J[0, 2] = −r[2]
/// closed: J[0, 3] = −r[3]
/// closed: J[1, 0] = r[1]
/// closed: J[1, 1] = r[0]
/// closed: J[1, 2] = r[3]
/// closed: J[1, 3] = −r[2]
/// closed: J[2, 0] = r[2]
/// closed: J[2, 1] = −r[3]
/// closed: J[2, 2] = r[0]
/// closed: J[2, 3] = r[1]
/// closed: J[3, 0] = r[3]
/// closed: J[3, 1] = r[2]
/// closed: J[3, 2] = −r[1]
/// closed: J[3, 3] = r[0]
#[jacobian(wrt(q))]
pub fn row_119(q: [f64; 4], r: [f64; 4]) -> [f64; 4] {
    [
        q[0] * r[0] - q[1] * r[1] - q[2] * r[2] - q[3] * r[3],
        q[0] * r[1] + q[1] * r[0] + q[2] * r[3] - q[3] * r[2],
        q[0] * r[2] - q[1] * r[3] + q[2] * r[0] + q[3] * r[1],
        q[0] * r[3] + q[1] * r[2] - q[2] * r[1] + q[3] * r[0],
    ]
}

/// row: [[f/Z,0,−fX/Z²],[0,f/Z,−fY/Z²]]
/// closed: t1 = 1/p[2]
/// closed: t2 = f·t1
/// closed: t3 = t1·t2
/// closed: J[i, j] = δ(0,i)·δ(0,j)·t2 + δ(0,i)·δ(2,j)·−(p[0]·t3) + δ(1,i)·δ(1,j)·t2 + δ(1,i)·δ(2,j)·−(p[1]·t3)
/// shapes: p = [3]
/// range: 0.5..2.0
#[jacobian(wrt(p))]
pub fn row_120(p: &Array1<f64>, f: f64, cx: f64, cy: f64) -> Array1<f64> {
    array![f * p[0] / p[2] + cx, f * p[1] / p[2] + cy]
}

/// row: −2(δ_ik u_j+u_i δ_jk − 2u_i u_j u_k)/‖v‖
/// closed: t1 = Σ_i v[i]·v[i]
/// closed: t2 = 2/t1
/// closed: J[i, j, k] =
/// closed:     t3 = v[j]·t2
/// closed:     t3·(v[k]·v[i]·t2) + δ(i,k)·−t3 + δ(j,k)·−(v[i]·t2)
/// shapes: v = [3]
#[jacobian]
pub fn row_121(v: &Array1<f64>) -> Array2<f64> {
    let outer = Array2::from_shape_fn((v.len(), v.len()), |(i, j)| v[i] * v[j]);
    Array2::eye(v.len()) - outer * (2.0 / v.dot(v))
}

/// row: (x−y)_k/‖x−y‖
/// closed: d[i] = x[i] − y[i]
/// closed: t1 = Σ_i d[i]·d[i]
/// closed: y2 = sqrt(t1)
/// closed: J[i] = d[i]/select(y2 == 0, 1, y2)
/// shapes: x = [3], y = [3]
#[jacobian(wrt(x))]
pub fn row_122(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let d = x - y;
    d.dot(&d).sqrt()
}

/// row: [[sθcφ, r cθcφ, −r sθsφ],[sθsφ, r cθsφ, r sθcφ],[cθ,−r sθ,0]]
/// closed: t1 = sin(p[1])
/// closed: t2 = cos(p[2])
/// closed: t3 = cos(p[1])
/// closed: t4 = p[0]·t3
/// closed: t5 = sin(p[2])
/// closed: t6 = p[0]·t1
/// closed: J[i, j] = δ(0,i)·δ(0,j)·(t1·t2) + δ(0,i)·δ(1,j)·(t2·t4) + δ(0,i)·δ(2,j)·−(t5·t6) + δ(0,j)·δ(1,i)·(t1·t5) + δ(1,i)·δ(1,j)·(t5·t4) + δ(1,i)·δ(2,j)·(t2·t6) + δ(0,j)·δ(2,i)·t3 + δ(1,j)·δ(2,i)·−t6
/// shapes: p = [3]
#[jacobian]
pub fn row_123(p: &Array1<f64>) -> Array1<f64> {
    array![p[0] * p[1].sin() * p[2].cos(), p[0] * p[1].sin() * p[2].sin(), p[0] * p[1].cos()]
}

/// row: σ′_i W_ik
/// closed: t1[i] = Σ_j w[i,j]·x[j]
/// closed: J[i, j] =
/// closed:     t2 = cosh(t1[i] + b[i])
/// closed:     w[i,j]/(t2·t2)
/// shapes: w = [3, 4], x = [4], b = [3]
#[jacobian(wrt(x))]
pub fn row_124(w: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>) -> Array1<f64> {
    (w.dot(x) + b).mapv(f64::tanh)
}

/// row: σ′_i δ_ik x_l
/// closed: t1[i] = Σ_j w[i,j]·x[j]
/// closed: J[i, j, k] =
/// closed:     t2 = cosh(t1[j] + b[j])
/// closed:     δ(i,j)·(x[k]/(t2·t2))
/// shapes: w = [3, 4], x = [4], b = [3]
#[jacobian(wrt(w))]
pub fn row_125(w: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>) -> Array1<f64> {
    (w.dot(x) + b).mapv(f64::tanh)
}

/// row: softmax(x)_k − y_k (Σy = 1)
/// closed: t1 = Σ_i exp(x[i])
/// closed: J[i] = 1/t1·exp(x[i])·(Σ_j y[j]) − y[i]
/// shapes: x = [4], y = [4]
#[jacobian(wrt(x))]
pub fn row_126(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let log_total = x.mapv(f64::exp).sum().ln();
    -y.dot(&(x - log_total))
}

/// row: −(Xᵀ(y∘σ(−y∘Xw)))_k
/// closed: t1[i] = Σ_j x[i,j]·w[j]
/// closed: z[i] = y[i]·t1[i]
/// closed: d_t1[i] =
/// closed:     t2 = exp(−z[i])
/// closed:     −(y[i]·t2/(1 + t2))
/// closed: J[i] = Σ_j d_t1[j]·x[j,i]
/// shapes: x = [4, 3], w = [3], y = [4]
#[jacobian(wrt(w))]
pub fn row_127(x: &Array2<f64>, w: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let z = y * &x.dot(w);
    z.mapv(|z| ((-z).exp() + 1.0).ln()).sum()
}

/// row: (Σ⁻¹(x−μ))_k
/// closed: d[i] = x[i] − mu[i]
/// closed: t1 = solve(sigma, d)
/// closed: tr_solve_sigma = tr_solve(sigma, d)
/// closed: J[i] = 0.5·(t1[i] + tr_solve_sigma[i])
/// longer: Σ need not be symmetric, so that there are two solutions, with Σ and its transpose
/// shapes: x = [3], mu = [3], sigma = [3, 3]
#[jacobian(wrt(mu))]
pub fn row_128(x: &Array1<f64>, mu: &Array1<f64>, sigma: &Array2<f64>) -> f64 {
    let d = x - mu;
    -0.5 * (d.dot(&linalg::solve(sigma, &d)) + linalg::ln_det(sigma))
}

/// row: ½(Σ⁻ᵀddᵀΣ⁻ᵀ − Σ⁻ᵀ)_kl, d=x−μ
/// closed: d[i] = x[i] − mu[i]
/// closed: t1 = solve(sigma, d)
/// closed: inv_sigma = inv(sigma)
/// closed: tr_solve_sigma = tr_solve(sigma, d)
/// closed: J[i, j] = −(0.5·(inv_sigma[j,i] − tr_solve_sigma[i]·t1[j]))
/// shapes: x = [3], mu = [3], sigma = [3, 3]
#[jacobian(wrt(sigma))]
pub fn row_129(x: &Array1<f64>, mu: &Array1<f64>, sigma: &Array2<f64>) -> f64 {
    let d = x - mu;
    -0.5 * (d.dot(&linalg::solve(sigma, &d)) + linalg::ln_det(sigma))
}

/// row: δ_ik Σ_j S_ij (K_jl − Σ_r S_ir K_rl) V_jo
/// closed: t1[i, j] = Σ_l q[i,l]·k[j,l]
/// closed: e[i, j] = exp(t1[i,j])
/// closed: total[i] = Σ_j e[i,j]
/// closed: t2[i, j] = e[i,j]/total[i]
/// closed: J[i, j, l, s] =
/// closed: t3 = 1/total[i]
/// closed: δ(i,l)·[0 < p]·t3·(Σ_u v[u,j]·(k[u,s]·e[i,u])) + −δ(i,l)·(Σ_u v[u,j]·t2[i,u]·t3)·(Σ_u k[u,s]·e[i,u])
/// shapes: q = [2, 3], k = [4, 3], v = [4, 2]
#[jacobian(wrt(q))]
pub fn row_130(q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>) -> Array2<f64> {
    let e = q.dot(&k.t()).mapv(f64::exp);
    let total = e.sum_axis(Axis(1)).insert_axis(Axis(1));
    (e / total).dot(v)
}

/// row: −2((T−UVᵀ)V)_kl
/// closed: t1[i, j] = Σ_k u[i,k]·v[j,k]
/// closed: d_t1[i, j] = −(2·(t[i,j] − t1[i,j]))
/// closed: J[i, j] = Σ_k v[k,j]·d_t1[i,k]
/// shapes: t = [4, 3], u = [4, 2], v = [3, 2]
#[jacobian(wrt(u))]
pub fn row_131(t: &Array2<f64>, u: &Array2<f64>, v: &Array2<f64>) -> f64 {
    (t - &u.dot(&v.t())).mapv(|r| r * r).sum()
}

/// row: −2γ(x−y)_k·k(x,y)
/// closed: d[i] = x[i] − y[i]
/// closed: t1 = Σ_i d[i]·d[i]
/// closed: y2 = exp(−(g·t1))
/// closed: J[i] = −(2·g·(y2·d[i]))
/// shapes: x = [3], y = [3]
#[jacobian(wrt(x))]
pub fn row_132(x: &Array1<f64>, y: &Array1<f64>, g: f64) -> f64 {
    let d = x - y;
    (-g * d.dot(&d)).exp()
}

/// row: A+Aᵀ
/// closed: H[i, j] = a[j,i] + a[i,j]
/// shapes: x = [3], a = [3, 3]
#[jacobian(hessian, wrt(x))]
pub fn hessian_1(x: &Array1<f64>, a: &Array2<f64>) -> f64 {
    x.dot(&a.dot(x))
}

/// row: 2AᵀA
/// closed: H[i, j] = 2·(Σ_k a[k,j]·a[k,i])
/// shapes: a = [4, 3], x = [3], b = [4]
#[jacobian(hessian, wrt(x))]
pub fn hessian_2(a: &Array2<f64>, x: &Array1<f64>, b: &Array1<f64>) -> f64 {
    (a.dot(x) - b).mapv(|r| r * r).sum()
}

/// row: 6X_ij δ_ik δ_jl
/// closed: H[i, j, k, l] = δ(i,k)·δ(j,l)·(6·x[i,j])
/// shapes: x = [3, 3]
#[jacobian(hessian)]
pub fn hessian_3(x: &Array2<f64>) -> f64 {
    x.mapv(|v| v.powi(3)).sum()
}

/// row: diag(s)−ssᵀ
/// closed: t1 = Σ_i exp(x[i])
/// closed: t2 = 1/t1
/// closed: H[i, j] =
/// closed:     t3 = t2·exp(x[i])
/// closed:     δ(i,j)·t3 − t3·(t2·exp(x[j]))
/// shapes: x = [4]
#[jacobian(hessian)]
pub fn hessian_4(x: &Array1<f64>) -> f64 {
    x.mapv(f64::exp).sum().ln()
}

/// row: Xᵀ diag(σ(1−σ)) X, σ=σ(y∘Xw)
/// closed: t1[i] = Σ_j x[i,j]·w[j]
/// closed: z[i] = t1[i]·y[i]
/// closed: d_d_t1[i, j] =
/// closed:     t2 = exp(−z[j])
/// closed:     t3 = y[j]·t2/(1 + t2)
/// closed:     (y[j] − t3)·(x[j,i]·t3)
/// closed: H[i, j] = Σ_k x[k,i]·d_d_t1[j,k]
/// shapes: w = [3], x = [4, 3], y = [4]
#[jacobian(wrt(w), hessian)]
pub fn hessian_5(w: &Array1<f64>, x: &Array2<f64>, y: &Array1<f64>) -> f64 {
    let z = x.dot(w) * y;
    z.mapv(|z| (-z).exp().ln_1p()).sum()
}

/// row: −(X⁻¹)_jk (X⁻¹)_li
/// closed: inv_x = inv(x)
/// closed: H[i, j, k, l] = −(inv_x[l,i]·inv_x[j,k])
/// shapes: x = [3, 3]
#[jacobian(hessian)]
pub fn hessian_6(x: &Array2<f64>) -> f64 {
    linalg::ln_det(x)
}

/// row: (I−uuᵀ)/‖x‖
/// closed: t1 = Σ_i x[i]·x[i]
/// closed: y = sqrt(t1)
/// closed: t2 = 1/select(y == 0, 1, y)
/// closed: J[i] = x[i]·t2
/// closed: H[i, j] = [!(y == 0)]·−(x[j]·J[i]·(t2·t2)) + δ(i,j)·t2
/// shapes: x = [4]
#[jacobian(hessian)]
pub fn hessian_7(x: &Array1<f64>) -> f64 {
    x.dot(x).sqrt()
}

/// row: 2 δ_ik (VᵀV)_jl
/// closed: H[i, j, k, l] = δ(i,k)·2·(Σ_q v[q,l]·v[q,j])
/// shapes: t = [4, 3], u = [4, 2], v = [3, 2]
#[jacobian(hessian, wrt(u))]
pub fn hessian_8(t: &Array2<f64>, u: &Array2<f64>, v: &Array2<f64>) -> f64 {
    (t - &u.dot(&v.t())).mapv(|r| r * r).sum()
}

/// row: (A+Aᵀ)_ik δ_jl
/// closed: H[i, j, k, l] = δ(j,l)·a[k,i] + δ(j,l)·a[i,k]
/// shapes: x = [3, 3], a = [3, 3]
#[jacobian(hessian, wrt(x))]
pub fn hessian_9(x: &Array2<f64>, a: &Array2<f64>) -> f64 {
    x.t().dot(a).dot(x).diag().sum()
}

/// row: det(X)[(X⁻¹)_ji(X⁻¹)_lk − (X⁻¹)_jk(X⁻¹)_li]
/// closed: t1 = det(x)
/// closed: inv_x = inv(x)
/// closed: H[i, j, k, l] = t1·(inv_x[j,i]·inv_x[l,k] − inv_x[l,i]·inv_x[j,k])
/// shapes: x = [3, 3]
#[jacobian(hessian)]
pub fn hessian_10(x: &Array2<f64>) -> f64 {
    linalg::det(x)
}

/// row: (X⁻¹)_jk(X⁻ᵀa)_i(X⁻¹b)_l + (X⁻ᵀa)_k (X⁻¹)_li (X⁻¹b)_j
/// closed: t1 = inv(x)
/// closed: part[i] = Σ_j b[j]·t1[i,j]
/// closed: H[i, j, k, l] = Σ_p a[p]·t1[p,k]·(part[j]·t1[l,i]) + Σ_p a[p]·t1[p,i]·(t1[j,k]·part[l])
/// range: 0.2..2
/// shapes: a = [3], x = [3, 3], b = [3]
#[jacobian(wrt(x), hessian)]
pub fn hessian_11(a: &Array1<f64>, x: &Array2<f64>, b: &Array1<f64>) -> f64 {
    a.dot(&linalg::inv(x).dot(b))
}
