use super::*;
use crate::ir::{eval, parse, verify, Inputs};

/// What became of a derivative: its lists, or why there are none.
fn compressed(text: &str, order: Order) -> Result<(Program, Program, Layout), Unordered> {
    let dense = parse(text).unwrap();
    let mut sparse = dense.clone();
    let layout = compress(&mut sparse, order, !dense.outputs.is_empty())?;
    assert_eq!(verify(&sparse), Ok(()), "{}", sparse.to_text());
    Ok((dense, sparse, layout))
}

/// Numbers that are not 0.
fn numbers(count: usize) -> Vec<f64> {
    (0..count).map(|k| 0.7 + 0.31 * ((k * 7 + 3) % 11) as f64).collect()
}

/// Compares the lists with the matrix at all small lengths: they have every entry that is not 0 and no other, in order.
fn agrees(text: &str, order: Order) -> Program {
    compared(text, order, true)
}

/// The same; if not `exact`, some entries may be 0.
fn compared(text: &str, order: Order, exact: bool) -> Program {
    let (dense, sparse, layout) = compressed(text, order).unwrap_or_else(|e| panic!("{}: {text}", e.0));
    let most: usize = if dense.sizes.len() > 1 { 5 } else { 12 };
    for all in positions(&vec![most; dense.sizes.len()]) {
        let mut sizes: Vec<i64> = all.iter().map(|n| *n as i64).collect();
        let inputs = |program: &Program, sizes: &[i64]| {
            let numbers = |t| {
                let length = |n: &Affine| value(n, &|s| sizes[s.0 as usize], &Map::default());
                (t, numbers(program.shape_at(t, length).iter().product()))
            };
            let of = |(k, n): (usize, &i64)| (Size(k as u32), *n);
            Inputs { tensors: program.params().map(numbers).collect(), sizes: sizes.iter().enumerate().map(of).collect() }
        };
        let values = eval(&dense, &inputs(&dense, &sizes));
        let expected: Vec<Vec<f64>> = dense.results().map(|t| values[&t].clone()).collect();
        layout.add_flags(&mut sizes);
        let values = eval(&sparse, &inputs(&sparse, &sizes));
        let lists: Vec<f64> = sparse.outputs.iter().flat_map(|t| values[t].clone()).collect();
        let size = |s: Size| sizes[s.0 as usize];
        let blocks = layout.scatter(&lists, 0.0, &size).unwrap_or_else(|e| panic!("{e} at {sizes:?} of\n{}", sparse.to_text()));
        for (found, expected) in blocks.iter().zip(&expected) {
            let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close, "{found:?} instead of {expected:?} at {sizes:?} of\n{}", sparse.to_text());
        }
        let entries = layout.entries(&size);
        let counts = Layout::counts(&layout.columns, &size);
        let first =
            |groups: &[Vec<Affine>], (group, at): (usize, usize)| Layout::counts(&groups[..group], &size).iter().sum::<usize>() + at;
        let is_zero =
            |[row, column]: &[(usize, usize); 2]| blocks[row.0 * counts.len() + column.0][row.1 * counts[column.0] + column.1] == 0.0;
        assert!(!exact || !entries.iter().any(is_zero), "{lists:?} at {entries:?} at {sizes:?}");
        let sorted = match order {
            Order::Columns => entries.is_sorted_by_key(|[row, column]| (*column, *row)),
            Order::Rows => entries.is_sorted_by_key(|[row, column]| (*row, *column)),
            Order::Blocks => entries.is_sorted_by_key(|[row, column]| (row.0, column.0, row.1, column.1)),
            Order::Diagonals => entries.is_sorted_by_key(|[row, column]| {
                let (row, column) = (first(&layout.rows, *row), first(&layout.columns, *column));
                (column as i64 - row as i64, row)
            }),
        };
        assert!(sorted, "{entries:?}");
    }
    sparse
}

fn agrees_in_all_orders(text: &str) {
    for order in [Order::Columns, Order::Rows, Order::Blocks] {
        agrees(text, order);
    }
}

fn refused(text: &str, order: Order) -> String {
    compressed(text, order).expect_err("there is no order").0
}

const TRIDIAGONAL: &str = "fn f(x: [n]) wrt x
J[i: n, j: n] = delta(i-1, j) * [0 < float(i)] * x[i] + delta(i, j) * (2 * x[i]) + delta(i+1, j) * [float(i+1) < float(n)] * x[j]
block J: 0 by x
";

#[test]
fn known_entries_are_one_list_in_the_order_asked_for() {
    let text = "fn f(x: [2], a: []) wrt x, a
J_x: [2, 2]
J_x[0, 0] = x[0]
J_x[1, 0] = 3
J_x[1, 1] = x[1]
J_a: [2]
J_a[1] = x[0]
block J_x: 0 by x
block J_a: 0 by a
";
    let lists = |order| {
        let (_, program, layout) = compressed(text, order).unwrap();
        let entries: Vec<[(usize, usize); 2]> = layout.entries(&|_| unreachable!("all lengths are known"));
        let Body::Elements(es) = &program.definition(program.outputs[0]).unwrap().body else { panic!("no elements") };
        assert_eq!(es.len(), 4);
        assert_eq!(entries.iter().position(|e| *e == [(0, 1), (0, 0)]), es.iter().position(|e| program.arena.is(*e, 3)));
        entries
    };
    let [first, below, second, by_a] = [[(0, 0), (0, 0)], [(0, 1), (0, 0)], [(0, 1), (0, 1)], [(0, 1), (1, 0)]];
    assert_eq!(lists(Order::Columns), [first, below, second, by_a]);
    assert_eq!(lists(Order::Rows), [first, below, second, by_a]);
    assert_eq!(lists(Order::Blocks), [first, below, second, by_a]);
    assert_eq!(lists(Order::Diagonals), [below, first, second, by_a]);
}

#[test]
fn bands_have_lists_for_the_ends_and_between() {
    let program = agrees(TRIDIAGONAL, Order::Columns);
    // one column alone, the first, those in between, the last
    assert_eq!(program.outputs.len(), 4);
    agrees_in_all_orders(TRIDIAGONAL);
}

#[test]
fn a_wide_band() {
    agrees_in_all_orders(
        "fn f(x: [n]) wrt x
J[i: n, j: n] = delta(i-3, j) * [2 < float(i)] * x[i] + delta(i, j) * x[i] + delta(i+2, j) * [float(i+2) < float(n)] * x[j]
block J: 0 by x
",
    );
}

#[test]
fn differences_of_neighbours_are_of_another_length() {
    agrees_in_all_orders("fn f(x: [n+1]) wrt x\nJ[i: n, j: n+1] = delta(i+1, j) * 2 - delta(i, j) * x[i]\nblock J: 0 by x\n");
}

#[test]
fn single_rows_and_columns_pass_through_bands() {
    agrees_in_all_orders(
        "fn f(x: [n]) wrt x
J[i: n, j: n] = delta(i, j) * x[i] + delta(0, i) * [0 < float(n)] * x[j]
block J: 0 by x
",
    );
    agrees_in_all_orders(
        "fn f(x: [n]) wrt x
J[i: n, j: n] = delta(i, j) * x[i] + delta(2, j) * [2 < float(n)] * x[i]
block J: 0 by x
",
    );
}

#[test]
fn several_results_and_inputs_are_blocks_of_one_matrix() {
    agrees_in_all_orders(
        "fn f(x: [n], a: [], b: [m]) wrt x, a, b
J_x[i: n, j: n] = delta(i, j) * x[i]
J_a[i: n] = x[i]
J_b[i: n, j: m] = x[i] * b[j]
K_x[j: n] = x[j]
K_a = 0
K_b[j: m] = b[j]
block J_x: 0 by x
block J_a: 0 by a
block J_b: 0 by b
block K_x: 1 by x
block K_a: 1 by a
block K_b: 1 by b
",
    );
}

#[test]
fn short_axes_are_listed() {
    agrees_in_all_orders(
        "fn f(x: [n, 2]) wrt x
J[i: n, p: 2, j: n, q: 2] = delta(i, j) * (x[i, p] * x[j, q]) + delta(i+1, j) * [float(i+1) < float(n)] * delta(p, q) * 3
block J: 0 by x
",
    );
    agrees_in_all_orders(
        "fn f(x: [2, n]) wrt x
J[p: 2, i: n, q: 2, j: n] = delta(i, j) * (x[p, i] * x[q, j]) + delta(i+1, j) * [float(i+1) < float(n)] * delta(p, q) * 3
block J: 0 by x
",
    );
}

#[test]
fn matrices_have_columns_of_two_axes() {
    // A·X by X and by A
    agrees_in_all_orders("fn f(a: [m, k], x: [k, n]) wrt x\nJ[i: m, j: n, p: k, q: n] = delta(j, q) * a[i, p]\nblock J: 0 by x\n");
    agrees_in_all_orders("fn f(a: [m, k], x: [k, n]) wrt a\nJ[i: m, j: n, p: m, q: k] = delta(i, p) * x[q, j]\nblock J: 0 by a\n");
}

const LAPLACE: &str = "fn f(u: [n, m]) wrt u
J[i: n, j: m, k: n, l: m] = delta(i, k) * delta(j, l) * u[i, j]
    + delta(i-1, k) * [0 < float(i)] * delta(j, l) * 2 + delta(i+1, k) * [float(i+1) < float(n)] * delta(j, l) * 3
    + delta(i, k) * delta(j-1, l) * [0 < float(j)] * 4 + delta(i, k) * delta(j+1, l) * [float(j+1) < float(m)] * 5
block J: 0 by u
";

#[test]
fn stencils_over_two_axes() {
    let one_line = LAPLACE.replace("\n    +", " +");
    agrees_in_all_orders(&one_line);
    agrees_in_all_orders(&one_line.replace("[n, m]", "[n, n]").replace(": m", ": n").replace("(m)", "(n)"));
}

#[test]
fn of_second_derivatives_the_lower_triangle_is_there() {
    agrees_in_all_orders(
        "fn f(x: [n]) wrt x -> H
H[i: n, j: n] = delta(i-1, j) * [0 < float(i)] * (x[i] * x[j]) + delta(i, j) * (2 * x[i]) + delta(i+1, j) * [float(i+1) < float(n)] * (x[i] * x[j])
",
    );
    agrees_in_all_orders(
        "fn f(x: [n], a: []) wrt x, a -> H_x_x, H_x_a, H_a_x, H_a_a
H_x_x[i: n, j: n] = delta(i, j) * x[i]
H_x_a[i: n] = x[i]
H_a_x[i: n] = x[i]
H_a_a = a
",
    );
}

#[test]
fn a_column_of_a_scalar_may_have_missing_ends() {
    agrees_in_all_orders(
        "fn f(x: [n], a: [2]) wrt x, a
J_x[i: n, j: n] = delta(i, j) * x[i]
J_a[i: n, p: 2] = [1 < float(i)] * delta(p, 1) * x[i] + [float(i+1) < float(n)] * delta(p, 0) * 3
block J_x: 0 by x
block J_a: 0 by a
",
    );
}

#[test]
fn a_length_that_is_none_of_the_columns_decides_the_value() {
    let text = "fn f(x: [n], a: [], b: [m]) wrt a, b
J_a = [1 < float(n)] * a + [float(n) < 2] * 3
J_b[j: m] = [1 < float(n)] * b[j]
block J_a: 0 by a
block J_b: 0 by b
";
    for order in [Order::Columns, Order::Rows, Order::Blocks] {
        let program = compared(text, order, false);
        assert_eq!(program.outputs.len(), 2);
    }
}

#[test]
fn a_delta_in_a_sum_removes_it() {
    agrees_in_all_orders(
        "fn f(x: [n+1]) wrt x -> H
H[i: n+1, j: n+1] = sum[k: n](delta(k+1, i) * delta(k+1, j) * x[k] + delta(k+1, i) * delta(k, j) * 2 + delta(k, i) * delta(k+1, j) * 2 + delta(k, i) * delta(k, j) * x[k+1])
",
    );
    agrees_in_all_orders("fn f(x: [n+1]) wrt x\nJ[j: n+1] = sum[k: n](delta(k+1, j) * x[k] + delta(k, j))\nblock J: 0 by x\n");
}

#[test]
fn entries_in_no_order_that_is_known_are_sorted() {
    let all = |text: &str, sorted: &[Order]| {
        for order in [Order::Columns, Order::Rows, Order::Blocks, Order::Diagonals] {
            let (.., layout) = compressed(text, order).unwrap();
            assert_eq!(layout.sorted.is_some(), sorted.contains(&order), "{order:?}: {text}");
            agrees(text, order);
        }
    };
    let every = [Order::Columns, Order::Rows, Order::Blocks, Order::Diagonals];
    all("fn f(x: [n]) wrt x\nJ[i: n, j: n] = [float(j) < float(i)] * x[j]\nblock J: 0 by x\n", &every);
    all("fn f(m: [n, n]) wrt m\nJ[i: n, j: n, k: n, l: n] = delta(i, k) * m[l, j] + delta(j, l) * m[i, k]\nblock J: 0 by m\n", &every);
    all("fn f(x: [n]) wrt x\nJ[i: n, j: n] = delta(i, j) * x[i] + delta(n-i-1, j) * 2\nblock J: 0 by x\n", &every);
    let strided = "fn f(a: [n], x: [2*n]) wrt x\nJ[i: n, j: 2*n] = delta(2*i, j) * x[j]\nblock J: 0 by x\n";
    all(strided, &[Order::Columns, Order::Diagonals]);
    all(TRIDIAGONAL, &[Order::Diagonals]);
    let periodic = "fn f(x: [n+1]) wrt x
J[i: n+1, j: n+1] = delta(i, j) * x[i] + delta(i+1, j) * [float(i) < float(n)] * x[j] + [float(i) == float(n)] * delta(0, j) * x[0]
block J: 0 by x
";
    all(periodic, &[Order::Diagonals]);
    let box_of_three_axes = "fn f(x: [n, m, p]) wrt x
J[i: n, j: m, k: p, l: n, q: m, r: p] =
    delta(i, l) * delta(j, q) * delta(k, r) * x[i, j, k] + delta(i+1, l) * [float(i+1) < float(n)] * delta(j, q) * delta(k, r) * 3
block J: 0 by x
";
    all(box_of_three_axes, &every);
}

#[test]
fn what_is_read_under_a_condition_on_numbers_may_be_outside() {
    // y has other lengths than x, and may be shorter where it is not read
    let text = "fn f(x: [n], y: [m]) wrt y\nJ[i: n, j: m] = delta(i, j) * [0 < x[i]] * 2\nblock J: 0 by y\n";
    for order in [Order::Columns, Order::Rows, Order::Blocks, Order::Diagonals] {
        agrees(text, order);
    }
}

#[test]
fn a_lower_triangle_is_sorted_too() {
    let text = "fn f(x: [n]) wrt x -> H\nH[i: n, j: n] = delta(i, j) * x[i] + [float(i) < float(j)] * x[i] * x[j] + [float(j) < float(i)] * x[i] * x[j]\n";
    for order in [Order::Columns, Order::Rows, Order::Blocks, Order::Diagonals] {
        let program = agrees(text, order);
        // what is above the diagonal is not computed
        assert_eq!(program.outputs.len(), 2);
    }
}

#[test]
fn what_is_decided_inside_a_function_says_so() {
    let inside = "fn f(x: [n]) wrt x\nJ[i: n, j: n] = exp(delta(i, j) * x[j]) - 1\nblock J: 0 by x\n";
    assert_eq!(refused(inside, Order::Columns), "entries are decided inside a branch or a function");
}
