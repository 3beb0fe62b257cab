//! `git exp undo`; see `git_exp::command::undo`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::undo::run)
}
