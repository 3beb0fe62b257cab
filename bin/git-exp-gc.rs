//! `git exp gc`; see `git_exp::command::gc`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::gc::run)
}
