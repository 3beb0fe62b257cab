//! `git exp status`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::status::run)
}
