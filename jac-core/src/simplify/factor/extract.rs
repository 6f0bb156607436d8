//! The greedy search for divisors.
//!
//! A divisor is a product of two literals, or a sum of two monomials without a common factor. Each
//! is kept with the places where it occurs and what it saves there; what saves most is extracted,
//! and only the monomials this changes are looked at again.

use super::{parts, Literal, Monomial, Network, Value, Var};
use crate::ir::{Constant, Float, Map};
use crate::simplify::gvn::mix;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Sums with more monomials are not searched for divisors pair by pair.
const WIDEST: usize = 80;

/// A monomial of a sum, with coefficient 1 or −1. It is never changed, only replaced.
#[derive(Debug)]
struct Term {
    of: Var,
    literals: Vec<Literal>,
    negative: bool,
    live: bool,
    /// The divisors that occur in it.
    divisors: Vec<u64>,
}

impl Term {
    /// The multiplications it takes.
    fn price(&self) -> i64 {
        self.literals.len().saturating_sub(1) as i64
    }
}

/// Where a divisor occurs: one term, or two of one sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    a: usize,
    b: Option<usize>,
    saving: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Product(Literal, Literal),
    Sum,
}

#[derive(Debug)]
struct Divisor {
    kind: Kind,
    places: Vec<Place>,
    /// What extracting it saves.
    saving: i64,
}

/// Extracts divisors as long as that saves operations.
pub fn extract(network: &mut Network, float: Float) {
    let first = network.values.len() as Var;
    let mut search = Search { constants: first..Var::MAX, ..Search::default() };
    let mut constants: Map<Constant, Var> = Map::default();
    let mut next = first;
    for (v, value) in network.values.iter().enumerate() {
        let Value::Sum(monomials) = value else { continue };
        search.sums.insert(v as Var, Vec::new());
        for m in monomials {
            let negative = m.coefficient.is_negative();
            let size = if negative { m.coefficient.neg() } else { m.coefficient.clone() };
            let mut literals = m.literals.clone();
            for part in parts(size, float).into_iter().filter(|p| !p.is_one()) {
                let var = *constants.entry(part).or_insert_with(|| {
                    next += 1;
                    next - 1
                });
                literals.push(Literal { var, reciprocal: false });
            }
            literals.sort_unstable();
            search.add(v as Var, literals, negative);
        }
    }
    search.next = next;
    search.constants = first..next;
    search.run();
    network.values.extend(constants.keys().map(|c| Value::Sum(vec![Monomial::constant(c.clone())])));
    for (v, terms) in &search.sums {
        let monomials = terms.iter().filter(|t| search.terms[**t].live).map(|t| {
            let term = &search.terms[*t];
            let (constant, literals): (Vec<Literal>, Vec<Literal>) = term.literals.iter().partition(|l| (first..next).contains(&l.var));
            let sign = Constant::from(if term.negative { -1 } else { 1 });
            let known = constant.iter().map(|l| constants.get_index((l.var - first) as usize).expect("a constant").0);
            Monomial { literals, coefficient: known.fold(sign, |product, c| product.mul(c)) }
        });
        let value = Value::Sum(monomials.collect());
        match network.values.get_mut(*v as usize) {
            Some(known) => *known = value,
            None => network.values.push(value),
        }
    }
}

#[derive(Default)]
struct Search {
    terms: Vec<Term>,
    /// The terms of each sum, dead ones too.
    sums: Map<Var, Vec<usize>>,
    /// By a hash of the divisor; what is extracted is compared as a whole.
    divisors: Map<u64, Divisor>,
    /// Divisors by what they save; an entry that is no longer true is passed over.
    queue: BinaryHeap<(i64, Reverse<usize>)>,
    next: Var,
    /// The literals that are constants.
    constants: Range<Var>,
}

impl Search {
    fn add(&mut self, of: Var, mut literals: Vec<Literal>, negative: bool) {
        literals.sort_unstable();
        let at = self.terms.len();
        let others: Vec<usize> = self.sums[&of].iter().copied().filter(|t| self.terms[*t].live).collect();
        self.terms.push(Term { of, literals, negative, live: true, divisors: Vec::new() });
        self.sums[&of].push(at);
        let literals = &self.terms[at].literals;
        let mut pairs: Vec<(Literal, Literal)> = Vec::new();
        for (k, a) in literals.iter().enumerate() {
            // two constants that are left apart are out of range together
            let is_constant = |l: &Literal| self.constants.contains(&l.var);
            pairs.extend(literals[k + 1..].iter().filter(|b| !(is_constant(a) && is_constant(b))).map(|b| (*a, *b)));
        }
        pairs.dedup();
        pairs.sort_unstable();
        pairs.dedup();
        for (a, b) in pairs {
            let key = mix(weight(a) ^ mix(weight(b)));
            self.occurs(key, Kind::Product(a, b), 1, Place { a: at, b: None, saving: 1 });
        }
        if others.len() < WIDEST {
            for &other in &others {
                let (a, b) = (&self.terms[other], &self.terms[at]);
                let (shared, hash_of_shared) = shared(a, b);
                let whole = shared == 0 && others.len() == 1;
                let outer = if whole { 0 } else { shared as i64 };
                let saving = a.price() + b.price() + 1 - outer;
                let hash = |t: &Term| t.literals.iter().fold(0_u64, |h, l| h.wrapping_add(weight(*l))).wrapping_sub(hash_of_shared);
                let (p, q) = (hash(a), hash(b));
                let key = mix(p.min(q) ^ mix(p.max(q) ^ u64::from(a.negative == b.negative)));
                let left = |t: &Term| (t.literals.len() as i64 - shared as i64 - 1).max(0);
                let own = left(a) + left(b) + 1;
                self.occurs(key, Kind::Sum, own, Place { a: other, b: Some(at), saving });
            }
        }
    }

    fn occurs(&mut self, key: u64, kind: Kind, price: i64, place: Place) {
        let entry = self.divisors.entry(key);
        let index = entry.index();
        let divisor = entry.or_insert_with(|| Divisor { kind, places: Vec::new(), saving: -price });
        if divisor.kind != kind {
            return;
        }
        divisor.places.push(place);
        divisor.saving += place.saving;
        if divisor.saving > 0 {
            self.queue.push((divisor.saving, Reverse(index)));
        }
        for t in std::iter::once(place.a).chain(place.b) {
            self.terms[t].divisors.push(key);
        }
    }

    fn remove(&mut self, t: usize) {
        self.terms[t].live = false;
        for key in std::mem::take(&mut self.terms[t].divisors) {
            let Some((index, _, divisor)) = self.divisors.get_full_mut(&key) else { continue };
            let before = divisor.places.len();
            let saving = &mut divisor.saving;
            divisor.places.retain(|p| {
                let gone = p.a == t || p.b == Some(t);
                *saving -= if gone { p.saving } else { 0 };
                !gone
            });
            if divisor.places.len() < before && divisor.saving > 0 {
                self.queue.push((divisor.saving, Reverse(index)));
            }
        }
    }

    fn run(&mut self) {
        while let Some((saving, Reverse(index))) = self.queue.pop() {
            let Some((_, divisor)) = self.divisors.get_index_mut(index) else { continue };
            if divisor.saving != saving {
                continue;
            }
            // places that overlap are counted twice
            let mut places: Vec<Place> = Vec::new();
            let mut taken: Vec<usize> = Vec::new();
            let mut lost = 0;
            for p in &divisor.places {
                if taken.contains(&p.a) || p.b.is_some_and(|b| taken.contains(&b)) {
                    lost += p.saving;
                } else {
                    taken.push(p.a);
                    taken.extend(p.b);
                    places.push(*p);
                }
            }
            let next_best = self.queue.peek().map_or(0, |(s, _)| *s);
            if lost > 0 && saving - lost < next_best.max(1) {
                divisor.saving -= lost;
                if divisor.saving > 0 {
                    self.queue.push((divisor.saving, Reverse(index)));
                }
                continue;
            }
            let kind = divisor.kind;
            self.apply(kind, &places);
        }
    }

    fn apply(&mut self, kind: Kind, places: &[Place]) {
        let new = self.next;
        let literal = Literal { var: new, reciprocal: false };
        let mut replaced: Vec<(Place, Vec<Literal>, bool)> = Vec::new();
        let mut value: Option<[(Vec<Literal>, bool); 2]> = None;
        for p in places {
            match (kind, p.b) {
                (Kind::Product(x, y), _) => {
                    let left = without(&self.terms[p.a].literals, &[x, y]);
                    replaced.push((*p, left, self.terms[p.a].negative));
                }
                (Kind::Sum, Some(b)) => {
                    let (common, mut left) = divide(&self.terms[p.a], &self.terms[b]);
                    let negative = left[0].1;
                    left.iter_mut().for_each(|l| l.1 ^= negative);
                    // equal hashes are not yet equal divisors
                    if *value.get_or_insert_with(|| left.clone()) == left {
                        replaced.push((*p, common, negative));
                    }
                }
                (Kind::Sum, None) => {}
            }
        }
        self.next += 1;
        self.sums.insert(new, Vec::new());
        for (place, mut literals, negative) in replaced {
            let of = self.terms[place.a].of;
            self.remove(place.a);
            if let Some(b) = place.b {
                self.remove(b);
            }
            literals.push(literal);
            self.add(of, literals, negative);
        }
        match (kind, value) {
            (Kind::Product(x, y), _) => self.add(new, vec![x, y], false),
            (Kind::Sum, Some(sides)) => {
                for (literals, negative) in sides {
                    self.add(new, literals, negative);
                }
            }
            (Kind::Sum, None) => {}
        }
    }
}

/// The number of literals that both have, and the sum of their weights.
fn shared(a: &Term, b: &Term) -> (usize, u64) {
    let (mut i, mut j, mut count, mut hash) = (0, 0, 0, 0_u64);
    while i < a.literals.len() && j < b.literals.len() {
        match a.literals[i].cmp(&b.literals[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                hash = hash.wrapping_add(weight(a.literals[i]));
                (i, j, count) = (i + 1, j + 1, count + 1);
            }
        }
    }
    (count, hash)
}

/// The literals that both have, and what is left of both, the smaller first, with its sign.
fn divide(a: &Term, b: &Term) -> (Vec<Literal>, [(Vec<Literal>, bool); 2]) {
    let mut rest = b.literals.clone();
    let (common, left): (Vec<Literal>, Vec<Literal>) =
        a.literals.iter().partition(|l| rest.iter().position(|m| m == *l).map(|at| rest.remove(at)).is_some());
    let mut sides = [(left, a.negative), (rest, b.negative)];
    if sides[1].0 < sides[0].0 {
        sides.swap(0, 1);
    }
    (common, sides)
}

/// What is left without `taken`, each of which is there.
fn without(literals: &[Literal], taken: &[Literal]) -> Vec<Literal> {
    let mut left = literals.to_vec();
    for l in taken {
        if let Some(at) = left.iter().position(|m| m == l) {
            left.remove(at);
        }
    }
    left
}

fn weight(l: Literal) -> u64 {
    mix(u64::from(l.var) << 1 | u64::from(l.reciprocal))
}
