//! `git exp branch`; see `git_exp::command::branch`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::branch::run)
}
