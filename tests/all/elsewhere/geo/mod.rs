mod far;

use super::tables::Vec3;

pub fn transform(x: f64, k: f64) -> f64 {
    inner::scale(x, k).sin()
}

mod inner {
    use super::super::tables::GAIN as G;

    pub fn scale(x: f64, k: f64) -> f64 {
        G * x * k
    }
}

pub fn norm(v: Vec3) -> f64 {
    v.iter().map(|x| x.powi(2)).sum::<f64>().sqrt()
}

pub fn shifted_square<T: num_traits::Float>(x: T) -> T {
    x * x + T::from(0.5).unwrap() * T::one()
}

pub fn larger(a: f64, b: f64) -> f64 {
    if a > b {
        a
    } else {
        b
    }
}

pub struct Gauss {
    pub mean: f64,
    pub deviation: f64,
}

impl Gauss {
    pub fn z(&self, x: f64) -> f64 {
        (x - self.mean) / self.deviation
    }

    pub fn density(&self, x: f64) -> f64 {
        (-0.5 * self.z(x).powi(2)).exp() / (self.deviation * (2.0 * std::f64::consts::PI).sqrt())
    }
}
