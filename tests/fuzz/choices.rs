//! A program is a function of a list of choices: it can be made again from them, and shorter lists and lower choices
//! are smaller programs.

/// Numbers that look random and are the same on every machine.
pub struct Random(pub u64);

impl Random {
    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

/// The choices of one program: first those given, then random ones, or the simplest where there is no more.
pub struct Choices {
    given: Vec<u32>,
    random: Option<Random>,
    /// What was chosen.
    pub made: Vec<u32>,
    /// Which choices belong to one statement or expression.
    pub spans: Vec<(usize, usize)>,
}

impl Choices {
    /// Random ones.
    pub fn random(seed: u64) -> Choices {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.below(2);
        Choices { given: Vec::new(), random: Some(random), made: Vec::new(), spans: Vec::new() }
    }

    /// These, and the simplest after them.
    pub fn given(given: Vec<u32>) -> Choices {
        Choices { given, random: None, made: Vec::new(), spans: Vec::new() }
    }

    /// Below `n`; 0 is the simplest.
    pub fn below(&mut self, n: usize) -> usize {
        let raw = match (self.given.get(self.made.len()), &mut self.random) {
            (Some(c), _) => *c as usize % n,
            (None, Some(random)) => random.below(n),
            (None, None) => 0,
        };
        self.made.push(raw as u32);
        raw
    }

    /// One of these.
    pub fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    /// Once in `n`.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }
}
