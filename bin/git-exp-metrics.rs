//! `git exp metrics`; see `git_exp::command::metrics`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::metrics::run)
}
