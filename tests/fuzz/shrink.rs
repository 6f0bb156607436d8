//! Makes a program that fails smaller: fewer and simpler choices, as long as it still fails in the same way.
