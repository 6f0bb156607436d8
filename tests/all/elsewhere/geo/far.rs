use super::super::Filter;

impl Filter {
    pub fn far(&self, x: f64) -> f64 {
        super::norm([x, self.gain, 1.0])
    }
}
