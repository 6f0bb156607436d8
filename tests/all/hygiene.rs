//! Generated code beside names that shadow the standard library's, without a warning.

mod shadowed {
    #![deny(warnings, missing_docs, unsafe_code, clippy::pedantic, clippy::nursery)]
    #![allow(dead_code, non_camel_case_types, clippy::items_after_statements)]

    use jac_runtime::jacobian;

    struct Vec;
    struct Option;
    struct Result;
    struct Some;
    struct Ok;
    struct f64;
    struct usize;
    mod std {}
    mod core {}
    mod ndarray {}

    type Real = ::core::primitive::f64;

    /// A function beside all that.
    #[jacobian(value)]
    #[must_use]
    pub fn beside(x: &[::core::primitive::f64; 2], n: ::core::primitive::usize) -> [::core::primitive::f64; 2] {
        let mut y = *x;
        for _ in 0..n {
            y = [y[1], y[0].sin() * y[1]];
        }
        y
    }

    /// Names that generated code uses, too.
    #[jacobian(value)]
    #[must_use]
    pub fn names(
        __t1: ::core::primitive::f64,
        t1: ::core::primitive::f64,
        i: ::core::primitive::f64,
        jac: ::core::primitive::f64,
    ) -> ::core::primitive::f64 {
        let y = __t1 * t1;
        let __y = y * i;
        (__y * jac).exp() + y
    }
}

#[test]
fn shadowed_names_do_not_matter() {
    let j = shadowed::beside_jacobian(&[0.5, 2.0], 1);
    assert_eq!(j, [[0.0, 1.0], [0.5_f64.cos() * 2.0, 0.5_f64.sin()]]);
    assert_eq!(shadowed::beside(&[0.5, 2.0], 0), [0.5, 2.0]);
    let (y, (by_a, ..)) = shadowed::names_value_and_jacobian(0.5, 2.0, 0.25, 3.0);
    assert_eq!(y, shadowed::names(0.5, 2.0, 0.25, 3.0));
    assert!((by_a - (1.5 * 0.75_f64.exp() + 2.0)).abs() < 1e-14);
}

mod inside_a_body {
    #[test]
    fn a_function_in_a_function() {
        use jac_runtime::jacobian;
        const K: f64 = 2.0;
        #[jacobian]
        fn f(x: f64) -> f64 {
            x * x * K
        }
        assert_eq!(f_jacobian(3.0), 12.0);
        assert_eq!(f(1.0), 2.0);
    }
}

macro_rules! differentiated {
    ($name:ident, $x:ident, $e:expr) => {
        #[jac_runtime::jacobian]
        fn $name($x: f64) -> f64 {
            $e
        }
    };
}

differentiated!(from_a_macro, x, x.powi(3) + 2.0 * x);

#[test]
fn a_function_from_a_macro() {
    assert_eq!(from_a_macro_jacobian(2.0), 14.0);
    assert_eq!(from_a_macro(2.0), 12.0);
}
