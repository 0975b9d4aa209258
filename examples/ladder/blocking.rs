//! Reads and closes a blocking socket, as steps 03 and 04 do. Steps 07 to 13 use it unchanged.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const LIMIT: usize = 1024 * 1024;

/// Appends what one read() returns. The end of the stream is an error.
pub fn read_more(client: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 512];
    let n = client.read(&mut buffer)?;
    println!("  read() = {n} bytes");
    input.extend_from_slice(&buffer[..n]);
    match n {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ if input.len() > LIMIT => Err(io::Error::other("the request is too large")),
        _ => Ok(()),
    }
}

/// Sends FIN, then reads until the client closes too, for a second at most.
pub fn close_in_stages(mut client: TcpStream) -> io::Result<()> {
    client.shutdown(Shutdown::Write)?;
    let time = Duration::from_secs(1);
    client.set_read_timeout(Some(time))?;
    let (end, mut buffer) = (Instant::now() + time, [0; 16 * 1024]);
    while Instant::now() < end && client.read(&mut buffer)? > 0 {}
    Ok(())
}
