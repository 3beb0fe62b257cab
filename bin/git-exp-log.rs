//! `git exp log`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::log::run)
}
