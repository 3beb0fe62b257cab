//! `git exp diff`; see `git_exp::command::diff`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::diff::run)
}
