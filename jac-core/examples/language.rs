//! Prints the page of the documentation that lists what a function may contain.

fn main() {
    print!("{}", jac_core::front::language());
}
