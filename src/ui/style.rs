//! Every colour in one table. Colour is decoration: the text says the same without it.

use owo_colors::{OwoColorize, Style};

/// What a piece of text is; the table below says how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A commit id.
    Id,
    /// The name of an experiment.
    Name,
    /// A baseline, or the heading of a group.
    Heading,
    /// What is there now and was not before; a change for the better.
    Added,
    /// What was there before and is not now; a change for the worse.
    Removed,
    /// The head of a hunk in a text diff.
    Hunk,
    /// A param.
    Param,
    /// A metric.
    Metric,
    /// What is less important than its surroundings.
    Faint,
    /// One of the labels that tell whose line it is.
    Label(u8),
    /// `fatal:` and `error:`.
    Error,
    /// `warning:`.
    Warning,
    /// `hint:`.
    Hint,
}

impl Role {
    /// The table. Only the terminal's own sixteen colours, so that every theme stays readable.
    fn style(self) -> Style {
        let plain = Style::new();
        match self {
            Role::Id => plain.yellow(),
            Role::Name => plain.cyan(),
            Role::Heading => plain.bold(),
            Role::Added => plain.green(),
            Role::Removed => plain.red(),
            Role::Hunk => plain.cyan(),
            Role::Param => plain.blue(),
            Role::Metric => plain.magenta(),
            Role::Faint => plain.dimmed(),
            Role::Label(0) => plain.cyan(),
            Role::Label(1) => plain.yellow(),
            Role::Label(2) => plain.green(),
            Role::Label(3) => plain.magenta(),
            Role::Label(_) => plain.blue(),
            Role::Error => plain.red().bold(),
            Role::Warning => plain.yellow().bold(),
            Role::Hint => plain.yellow(),
        }
    }

    /// Returns the role of a label: the same for the same text.
    pub fn of_label(label: &str) -> Self {
        let sum = label
            .bytes()
            .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        Role::Label(sum % 5)
    }

    /// Returns `text` in this role's colour if `colour` allows it, else as it is.
    pub fn paint(self, text: &str, colour: bool) -> String {
        if colour {
            text.style(self.style()).to_string()
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_only_when_told() {
        assert_eq!(Role::Id.paint("0bc1d2e", false), "0bc1d2e");
        assert_eq!(
            Role::Id.paint("0bc1d2e", true),
            "\u{1b}[33m0bc1d2e\u{1b}[0m"
        );
    }
}
