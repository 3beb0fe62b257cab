//! `git exp init`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::init::run)
}
