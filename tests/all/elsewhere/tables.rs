pub type Real = f64;
pub type Vec3 = [Real; 3];

pub const GAIN: f64 = 1.5 * OTHER;
const OTHER: f64 = 2.0;
pub const WEIGHTS: [f64; 3] = [1.0, 0.5, GAIN];
pub static TABLE: [[f64; 2]; 2] = [[1.0, 2.0], [3.0, 4.0]];
pub const N: usize = nested::M - 1;

pub mod nested {
    pub const M: usize = 3;
    pub const SCALE: f64 = super::GAIN / 2.0;
}
