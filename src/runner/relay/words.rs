//! What a run and its relay say to each other. File descriptors travel beside the first byte of a word.

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Read, Result, Write};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;

/// From us: here is what you read.
const FIRST: u8 = b'!';
/// From us: here is one more end to read. Target, length and bytes of its label follow.
const LABELLED: u8 = b'L';
/// From us: all is printed, say when you have passed it on.
const END: u8 = b'E';
/// From the relay: it has what it needs.
pub const READY: u8 = b'R';
/// From the relay: all is passed on, and nobody can print any more.
pub const OVER: u8 = b'O';
/// From the relay: all is passed on, but processes of the run live on and may print.
pub const OTHERS: u8 = b'+';

/// What a run tells its relay when both are at work.
pub enum Word {
    /// All is printed.
    End,
    /// One more end to read, whole lines, each behind a label.
    Labelled {
        /// What to read.
        end: OwnedFd,
        /// Where to: 0 for standard output, else standard error.
        to: u8,
        /// The label.
        label: Vec<u8>,
    },
}

/// Hands the ends to read over to a relay.
pub fn send_first(control: &UnixStream, ends: &[BorrowedFd<'_>]) -> Result<()> {
    send(control, FIRST, ends)
}

/// Receives them.
pub fn receive_first(control: &UnixStream) -> Result<Vec<OwnedFd>> {
    Ok(take(control)?.1)
}

/// Says that all is printed.
pub fn send_end(mut control: &UnixStream) -> Result<()> {
    control.write_all(&[END])
}

/// Hands over one more end, whose lines go behind `label` to the target `to`.
pub fn send_labelled(
    mut control: &UnixStream,
    end: BorrowedFd<'_>,
    to: u8,
    label: &[u8],
) -> Result<()> {
    let length = u16::try_from(label.len()).map_err(Error::other)?;
    send(control, LABELLED, &[end])?;
    let [high, low] = length.to_be_bytes();
    control.write_all(&[&[to, high, low], label].concat())
}

/// Receives a word; an error is a run that is gone.
pub fn receive(control: &mut UnixStream) -> Result<Word> {
    let (word, mut ends) = take(control)?;
    match (word, ends.pop()) {
        (END, _) => Ok(Word::End),
        (LABELLED, Some(end)) => {
            let mut head = [0; 3];
            control.read_exact(&mut head)?;
            let mut label = vec![0; u16::from_be_bytes([head[1], head[2]]).into()];
            control.read_exact(&mut label)?;
            let to = head[0];
            Ok(Word::Labelled { end, to, label })
        }
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn send(control: &UnixStream, word: u8, ends: &[BorrowedFd<'_>]) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    message.push(SendAncillaryMessage::ScmRights(ends));
    sendmsg(
        control,
        &[IoSlice::new(&[word])],
        &mut message,
        SendFlags::empty(),
    )?;
    Ok(())
}

fn take(control: &UnixStream) -> Result<(u8, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut word = [0];
    let mut parts = [IoSliceMut::new(&mut word)];
    // They need not be closed for children: there are none.
    let received = recvmsg(control, &mut parts, &mut message, RecvFlags::empty())?;
    if received.bytes == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let mut ends = Vec::new();
    for part in message.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = part {
            ends.extend(fds);
        }
    }
    Ok((word[0], ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn words_and_what_comes_with_them_arrive() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (read, mut write) = std::io::pipe().unwrap();
        send_labelled(&ours, read.as_fd(), 1, b"a | ").unwrap();
        send_end(&ours).unwrap();
        let Word::Labelled { end, to, label } = receive(&mut theirs).unwrap() else {
            panic!("another word");
        };
        assert_eq!((to, label.as_slice()), (1, &b"a | "[..]));
        write.write_all(b"x").unwrap();
        let mut byte = [0];
        rustix::io::read(&end, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
        assert!(matches!(receive(&mut theirs).unwrap(), Word::End));
        drop(ours);
        assert!(receive(&mut theirs).is_err());
    }
}
