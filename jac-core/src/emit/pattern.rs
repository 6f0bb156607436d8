//! What sparse forms have beside their bodies: the function that returns the pattern, and the parts of the list of entries.

use super::{attributes, local, params};
use crate::interface::{Form, Interface, Param, ParamKind, Ty};
use crate::ir::{Affine, Index, Map, Program, Size, Symbol, Tensor};
use crate::lower::Plan;
use crate::sparse::{Condition, Decided, Layout, Order, Part, Place};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

/// Patterns of more entries are made when they are asked for: as constants they would take long to compile.
const LARGEST_CONSTANT: usize = 20_000;

/// The name of the function that returns the pattern of a sparse form.
pub fn name(interface: &Interface, form: &Form) -> Ident {
    let stem = form.suffix.trim_start_matches("value_and_").trim_end_matches("_values");
    format_ident!("{}_{stem}_pattern", interface.item.sig.ident)
}

/// Generates the function that returns the pattern: of known lengths a constant, otherwise one of the arguments' lengths.
pub fn function(interface: &Interface, form: &Form, layout: &Layout, program: &Program) -> TokenStream {
    let known = |_| unreachable!("all lengths are known");
    if interface.fixed && layout.count(&known) <= LARGEST_CONSTANT {
        let entries = layout.entries(&known);
        let [rows, columns] = [&layout.rows, &layout.columns].map(|groups| Layout::counts(groups, &known));
        let flat = |k: usize, counts: &[usize]| -> Vec<Literal> {
            let of = |e: &[(usize, usize); 2]| Literal::usize_unsuffixed(counts[..e[k].0].iter().sum::<usize>() + e[k].1);
            entries.iter().map(of).collect()
        };
        let (at_rows, at_columns) = (flat(0, &rows), flat(1, &columns));
        let [rows, columns] = [rows, columns].map(|counts| Literal::usize_unsuffixed(counts.iter().sum()));
        let runtime = &interface.runtime;
        let body = quote!(#runtime::Pattern::from_constants(#rows, #columns, &[#(#at_rows),*], &[#(#at_columns),*]));
        return signature(interface, form, [true, false], &docs(interface, form), &body);
    }
    let body = match layout.sorted {
        Some(order) => {
            let sorted = Writer::new(interface, program).sorted(layout, order);
            let name = local("__sorted");
            quote!(let #name = #sorted; #name.pattern())
        }
        None => Writer::new(interface, program).pattern(layout),
    };
    signature(interface, form, [false, !interface.fixed], &docs(interface, form), &body)
}

/// What stands in for the function after a mistake.
pub fn stub(interface: &Interface, form: &Form, body: &TokenStream) -> TokenStream {
    let types = interface.params.iter().filter_map(|p| match &p.kind {
        ParamKind::Float(ty, t, _) if interface.wrt.contains(t) => Some(ty),
        _ => None,
    });
    let is_known = interface.fixed
        || types.chain(&interface.outputs).all(|ty| match ty {
            Ty::Scalar | Ty::Array(_) => true,
            Ty::Matrix(matrix) => matrix.is_fixed(),
            _ => false,
        });
    signature(interface, form, [is_known, !is_known], &[quote!(#[doc(hidden)])], body)
}

/// What stands around the body of a function that writes entries.
#[derive(Debug)]
pub struct Around {
    /// What is done before: the list is cut into those that are computed together.
    pub before: TokenStream,
    /// What the body stores into.
    pub memory: Ident,
    /// What is done after it, if values are computed in an order of their own: they become those of the entries.
    pub after: Option<TokenStream>,
}

/// What the function needs around its body, which computes `lists`, if it does not store into `values` as they are.
pub fn around(interface: &Interface, function: &str, values: &Ident, layout: &Layout, lists: &[Tensor], plan: &Plan) -> Option<Around> {
    let program = &plan.program;
    if interface.parts.is_empty() {
        return None;
    }
    let writer = Writer::new(interface, program);
    let flags: Map<Size, TokenStream> =
        layout.flags.iter().map(|f| (f.size, writer.flag(&f.is, &|s| writer.size(s).unwrap_or_default()))).collect();
    let length = |n: &Affine| {
        let symbol = |s: &Symbol| match s {
            Symbol::Size(s) => flags.get(s).cloned().or_else(|| writer.size(*s)).unwrap_or_default(),
            _ => unreachable!("a length has no index"),
        };
        writer.length(n, &symbol)
    };
    let (runtime, parameter) = (&interface.runtime, values.to_string());
    let rest = local("__rest");
    let (mut sizes, mut names, mut views) = (Vec::new(), Vec::new(), Vec::new());
    let mut lengths = TokenStream::new();
    for (k, tensor) in lists.iter().enumerate() {
        let shape: Vec<Ident> = (0..program.info(*tensor).shape.len()).map(|axis| local(&format!("__length_{k}_{axis}"))).collect();
        for (name, n) in shape.iter().zip(&program.info(*tensor).shape) {
            let value = length(n);
            lengths.extend(quote!(let #name: ::core::primitive::usize = #value;));
        }
        let (part, class) = (local(&format!("__part_{k}")), format_ident!("List{}", shape.len()));
        sizes.push(shape.iter().map(|n| quote!(#n)).reduce(|a, b| quote!(#a * #b)).unwrap_or_else(|| quote!(1)));
        views.push(quote!(#runtime::__private::#class::new([#(#shape),*], #part)));
        names.push(part);
    }
    // the body must not have another of that name
    let is_free = |name: &String| plan.locals.values().all(|l| l != name) && program.tensors.iter().all(|t| name[2..] != t.name);
    let whole = (1..).map(|k| format!("__lists_{k}")).find(is_free).map(|name| local(&name)).expect("some name is free");
    let splits = names.iter().zip(&sizes).map(|(name, size)| quote!(let (#name, #rest) = #rest.split_at_mut(#size);));
    let count = local("__count");
    let check = |count: &TokenStream| {
        quote! {
            if #values.len() != #count {
                #runtime::__private::wrong_shape(#function, #parameter, &[#values.len()], &[#count]);
            }
        }
    };
    let cut = quote!(#(#splits)* let mut #whole = (#(#views,)*););
    let Some(order) = layout.sorted else {
        let check = check(&quote!(#count));
        let before = quote!(#lengths let #count = 0 #(+ #sizes)*; #check let #rest = &mut #values[..]; #cut);
        return Some(Around { before, memory: whole, after: None });
    };
    // the body ends the scope of what it has named
    let (sorted, list) = (writer.local("sorted"), writer.local("list"));
    let (places, check) = (writer.sorted(layout, order), check(&quote!(#sorted.len())));
    let zero = super::body::zero(interface, program.float);
    let before = quote! {
        let #sorted = #places;
        #check
        #lengths
        let mut #list = ::std::vec![#zero; 0 #(+ #sizes)*];
        let #rest = &mut #list[..];
        #cut
    };
    Some(Around { before, memory: whole, after: Some(quote!(#sorted.gather(&#list, #values);)) })
}

/// The flags of a layout as integers from outside, which the body reads.
pub fn flags(interface: &Interface, layout: &Layout, program: &Program) -> Vec<Param> {
    let writer = Writer::new(interface, program);
    let flag = |f: &crate::sparse::Flag| Param {
        ident: writer.name(f.size),
        ty: syn::parse_quote!(usize),
        kind: ParamKind::Integer(f.size, false),
        source: Some(writer.flag(&f.is, &|s| writer.size(s).unwrap_or_default())),
    };
    layout.flags.iter().map(flag).collect()
}

fn docs(interface: &Interface, form: &Form) -> Vec<TokenStream> {
    let f = &interface.item.sig.ident;
    let what = if form.order() > 1 { "the lower triangle of the Hessian" } else { "the Jacobian" };
    let order = match interface.order {
        Order::Columns => "column by column, the rows ascending",
        Order::Rows => "row by row, the columns ascending",
        Order::Blocks => "block by block, the results outermost, and in each row by row",
        Order::Diagonals => "diagonal by diagonal from the lower left corner, the rows ascending",
    };
    let first = format!(" Where {what} of [`{f}`] has the entries that [`{f}_{}`] writes, in their order: {order}.", form.suffix);
    let rows = match form.order() > 1 {
        true => " Rows and columns are the elements of the inputs, one input behind the other and each row-major.",
        false => " Rows are the elements of the results, columns those of the inputs: one behind the other and each row-major.",
    };
    vec![quote!(#[doc = #first]), quote!(#[doc = ""]), quote!(#[doc = #rows])]
}

/// The function, which is a constant one or not, and takes the arguments or none.
fn signature(
    interface: &Interface,
    form: &Form,
    [constant, takes_arguments]: [bool; 2],
    docs: &[TokenStream],
    body: &TokenStream,
) -> TokenStream {
    let item = &interface.item;
    let (name, vis, runtime) = (name(interface, form), &item.vis, &interface.runtime);
    let attributes = attributes(interface);
    let head = quote! {
        #(#docs)*
        #(#attributes)*
        #[allow(dead_code, unused_variables, clippy::all, clippy::pedantic, clippy::nursery)]
        #[must_use]
    };
    if !takes_arguments {
        let constant = constant.then(|| quote!(const));
        return quote!(#head #vis #constant fn #name() -> #runtime::Pattern { #body });
    }
    let (impl_generics, _, where_clause) = item.sig.generics.split_for_impl();
    let params = params(interface);
    quote!(#head #vis fn #name #impl_generics (#(#params),*) -> #runtime::Pattern #where_clause { #body })
}

struct Writer<'a> {
    interface: &'a Interface,
    program: &'a Program,
    /// What the names of variables begin with that are no length's.
    own: String,
}

impl<'a> Writer<'a> {
    fn new(interface: &'a Interface, program: &'a Program) -> Writer<'a> {
        let is_free = |own: &String| program.sizes.iter().all(|s| !s.name.starts_with(own.as_str()));
        let own = (1..).map(|count| "_".repeat(count)).find(is_free).expect("no name has so many underscores");
        Writer { interface, program, own }
    }

    /// A variable that is no length.
    fn local(&self, name: &str) -> Ident {
        local(&format!("__{}{name}", self.own))
    }

    fn name(&self, s: Size) -> Ident {
        local(&format!("__{}", self.program.size_name(s)))
    }

    /// The lengths and flags of a layout, as variables.
    fn sizes(&self, layout: &Layout) -> TokenStream {
        let mut declared = TokenStream::new();
        for size in layout.sizes() {
            let value = match layout.flags.iter().find(|f| f.size == size) {
                Some(flag) => Some(self.flag(&flag.is, &|s| self.symbol(&Symbol::Size(s), &Map::default()))),
                None => self.size(size),
            };
            // what is in scope has its own name
            let Some(value) = value.filter(|_| !self.interface.items.contains_key(&size)) else { continue };
            let name = self.name(size);
            declared.extend(quote!(let #name: ::core::primitive::usize = #value;));
        }
        declared
    }

    /// What positions are made of, as variables, and the numbers of rows and columns.
    fn shape(&self, layout: &Layout) -> (TokenStream, [Ident; 2]) {
        let declared = self.sizes(layout);
        let (row_firsts, rows) = self.firsts("rows", &layout.rows);
        let (column_firsts, columns) = self.firsts("columns", &layout.columns);
        (quote!(#declared #row_firsts #column_firsts), [rows, columns])
    }

    /// The pattern of entries that are listed in their order.
    fn pattern(&self, layout: &Layout) -> TokenStream {
        let (shape, [row_count, column_count]) = self.shape(layout);
        let (list_of_rows, list_of_columns) = (self.local("row_indices"), self.local("column_indices"));
        let parts = self.parts(layout, &layout.parts, &mut Map::default());
        let runtime = &self.interface.runtime;
        quote! {
            #shape
            let (mut #list_of_rows, mut #list_of_columns) = (::std::vec::Vec::new(), ::std::vec::Vec::new());
            #parts
            #runtime::Pattern::new(#row_count, #column_count, #list_of_rows, #list_of_columns)
        }
    }

    /// The entries that are not listed in their order, sorted.
    fn sorted(&self, layout: &Layout, order: Order) -> TokenStream {
        let (shape, [row_count, column_count]) = self.shape(layout);
        let parts = self.parts(layout, &layout.parts, &mut Map::default());
        let (runtime, entries) = (&self.interface.runtime, self.local("entries"));
        let order = match order {
            Order::Columns => quote!(by_columns),
            Order::Rows => quote!(by_rows),
            Order::Blocks => quote!(by_blocks),
            Order::Diagonals => quote!(by_diagonals),
        };
        quote! {{
            #shape
            let mut #entries = ::std::vec::Vec::new();
            #parts
            #runtime::__private::Sorted::#order(#row_count, #column_count, #entries)
        }}
    }

    /// A condition, none of whose sides is negative.
    fn condition(&self, c: &Condition, symbol: &dyn Fn(&Symbol) -> TokenStream) -> TokenStream {
        let compared = |a: &Affine, op: TokenStream| {
            let (more, less) = a.sides();
            let (more, less) = (self.sum(&more, symbol), self.sum(&less, symbol));
            quote!(#more #op #less)
        };
        let each = |all: &[Condition]| -> Vec<TokenStream> { all.iter().map(|c| self.condition(c, symbol)).collect() };
        match c {
            Condition::Natural(a) => compared(a, quote!(>=)),
            Condition::Zero(a) => compared(a, quote!(==)),
            Condition::Ordered(all) => {
                let equal = all.iter().map(|a| {
                    let (more, less) = (compared(a, quote!(>)), compared(a, quote!(<)));
                    quote!(if #more { true } else if #less { false } else)
                });
                quote!((#(#equal)* { true }))
            }
            Condition::All(all) => {
                let all = each(all);
                quote!((true #(&& (#all))*))
            }
            Condition::Any(all) => {
                let all = each(all);
                quote!((false #(|| (#all))*))
            }
            Condition::Not(c) => {
                let c = self.condition(c, symbol);
                quote!(!(#c))
            }
        }
    }

    /// A length or integer, from the arguments.
    fn size(&self, s: Size) -> Option<TokenStream> {
        if let Some(tokens) = self.interface.items.get(&s) {
            return Some(quote!((#tokens)));
        }
        self.interface.inputs().find_map(|p| match &p.kind {
            ParamKind::Integer(size, reference) if *size == s => {
                let (ident, ty) = (&p.ident, &p.ty);
                let value = match &p.source {
                    Some(source) => quote!({ let #ident: #ty = #source; #ident }),
                    None if *reference => quote!(*#ident),
                    None => quote!(#ident),
                };
                let message = format!("`{}`: `{ident}` is used as a length or position and must not be negative", self.program.name);
                Some(quote!(<::core::primitive::usize as ::core::convert::TryFrom<_>>::try_from(#value).expect(#message)))
            }
            ParamKind::Float(ty @ (Ty::Nd(_) | Ty::Slice | Ty::Matrix(_)), tensor, _) => {
                let axis = self.program.info(*tensor).shape.iter().position(|n| n.as_size() == Some(s))?;
                Some(super::types::length(&p.ident, ty, axis))
            }
            _ => None,
        })
    }

    /// An integer that lengths decide.
    fn flag(&self, is: &Decided, size: &dyn Fn(Size) -> TokenStream) -> TokenStream {
        let symbol = |s: &Symbol| match s {
            Symbol::Size(s) => size(*s),
            _ => unreachable!("a length has no index"),
        };
        match is {
            Decided::Length(length) => self.length(length, &symbol),
            // one of them is the other's opposite where a length is meant
            Decided::Whether(conditions) if matches!(conditions.as_slice(), [a, b] if *b == a.times(-1)) => {
                let is_this = self.condition(&Condition::Zero(conditions[0].clone()), &symbol);
                quote!(::core::primitive::usize::from(#is_this))
            }
            Decided::Whether(conditions) => {
                let conditions = conditions.iter().map(|c| self.condition(&Condition::Natural(c.clone()), &symbol));
                let all = conditions.reduce(|a, b| quote!(#a && #b));
                quote!(::core::primitive::usize::from(#all))
            }
        }
    }

    /// A sum without negative parts.
    fn sum(&self, a: &Affine, symbol: &dyn Fn(&Symbol) -> TokenStream) -> TokenStream {
        let constant = Some(a.constant()).filter(|k| *k != 0 || a.terms().is_empty()).map(|k| {
            let k = Literal::i64_unsuffixed(k);
            quote!(#k)
        });
        let terms = a.terms().iter().map(|(s, c)| {
            let (s, k) = (symbol(s), Literal::i64_unsuffixed(*c));
            if *c == 1 {
                s
            } else {
                quote!(#k * #s)
            }
        });
        terms.chain(constant).reduce(|a, b| quote!(#a + #b)).unwrap_or_else(|| quote!(0))
    }

    /// A position, which is never negative.
    fn position(&self, a: &Affine, symbol: &dyn Fn(&Symbol) -> TokenStream) -> TokenStream {
        let (more, less) = a.sides();
        let sum = self.sum(&more, symbol);
        if less == Affine::default() {
            return sum;
        }
        let less = self.sum(&less, symbol);
        quote!(#sum - (#less))
    }

    /// A length; what would be negative is 0.
    fn length(&self, a: &Affine, symbol: &dyn Fn(&Symbol) -> TokenStream) -> TokenStream {
        let (more, less) = a.sides();
        let sum = self.sum(&more, symbol);
        if less == Affine::default() {
            return sum;
        }
        let less = self.sum(&less, symbol);
        quote!((#sum).saturating_sub(#less))
    }

    /// Where the elements of each group begin, and their number.
    fn firsts(&self, name: &str, groups: &[Vec<Affine>]) -> (TokenStream, Ident) {
        let mut out = TokenStream::new();
        let mut before = quote!(0);
        for (k, shape) in groups.iter().enumerate() {
            let next = self.local(&format!("{name}_{}", k + 1));
            let lengths = shape.iter().map(|n| self.length(n, &|s| self.symbol(s, &Map::default())));
            let size = lengths.map(|n| quote!((#n))).reduce(|a, b| quote!(#a * #b)).unwrap_or_else(|| quote!(1));
            out.extend(quote!(let #next: ::core::primitive::usize = #before + #size;));
            before = quote!(#next);
        }
        (out, self.local(&format!("{name}_{}", groups.len())))
    }

    fn symbol(&self, s: &Symbol, indices: &Map<Index, Ident>) -> TokenStream {
        match s {
            Symbol::Index(i) => {
                let name = &indices[i];
                quote!(#name)
            }
            Symbol::Size(s) => match self.interface.items.get(s) {
                Some(tokens) => quote!((#tokens)),
                None => {
                    let name = self.name(*s);
                    quote!(#name)
                }
            },
            Symbol::Bound(_) => unreachable!("no position of an entry is in a sum"),
        }
    }

    /// The element of a group as a row or column of the matrix.
    fn flat(&self, name: &str, groups: &[Vec<Affine>], place: &Place, indices: &Map<Index, Ident>) -> TokenStream {
        let symbol = |s: &Symbol| self.symbol(s, indices);
        let before = (place.group > 0).then(|| {
            let first = self.local(&format!("{name}_{}", place.group));
            quote!(#first +)
        });
        let mut flat: Option<TokenStream> = None;
        for (a, n) in place.at.iter().zip(&groups[place.group]) {
            let (a, n) = (self.position(a, &symbol), self.length(n, &symbol));
            flat = Some(flat.map_or_else(|| quote!(#a), |flat| quote!((#flat) * (#n) + #a)));
        }
        let flat = flat.unwrap_or_else(|| quote!(0));
        quote!(#before #flat)
    }

    fn parts(&self, layout: &Layout, parts: &[Part], indices: &mut Map<Index, Ident>) -> TokenStream {
        let mut out = TokenStream::new();
        for part in parts {
            match part {
                Part::Entry { row, column, when } if layout.sorted.is_some() => {
                    let block = Literal::usize_unsuffixed(row.group * layout.columns.len() + column.group);
                    let row = self.flat("rows", &layout.rows, row, indices);
                    let column = self.flat("columns", &layout.columns, column, indices);
                    let entries = self.local("entries");
                    let entry = quote!(::core::option::Option::Some([#block, #row, #column]));
                    let conditions = when.iter().map(|c| self.condition(c, &|s| self.symbol(s, indices)));
                    out.extend(match conditions.reduce(|a, b| quote!(#a && #b)) {
                        Some(holds) => quote!(#entries.push(if #holds { #entry } else { ::core::option::Option::None });),
                        None => quote!(#entries.push(#entry);),
                    });
                }
                Part::Entry { row, column, .. } => {
                    let row = self.flat("rows", &layout.rows, row, indices);
                    let column = self.flat("columns", &layout.columns, column, indices);
                    let (rows, columns) = (self.local("row_indices"), self.local("column_indices"));
                    out.extend(quote!(#rows.push(#row); #columns.push(#column);));
                }
                Part::Loop(i, length, inner) => {
                    let length = self.length(length, &|s| self.symbol(s, indices));
                    let name = self.local(&format!("at_{}", indices.len()));
                    indices.insert(*i, name.clone());
                    let inner = self.parts(layout, inner, indices);
                    indices.swap_remove(i);
                    out.extend(quote!(for #name in 0..#length { #inner }));
                }
            }
        }
        out
    }
}
