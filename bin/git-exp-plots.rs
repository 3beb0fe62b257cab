//! `git exp plots`; see `git_exp::command::plots`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::plots::run)
}
