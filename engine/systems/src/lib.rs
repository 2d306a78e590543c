//! Everything that talks to the outside: one folder per kind of system.
