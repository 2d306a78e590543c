//! The Data Transformation Language: spanned syntax, checking, compilation, evaluation.
