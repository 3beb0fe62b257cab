//! `git exp apply`; see `git_exp::command::apply`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::apply::run)
}
