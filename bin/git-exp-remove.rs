//! `git exp remove`; see `git_exp::command::remove`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::remove::run)
}
