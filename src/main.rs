//! The command line of expsd.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
