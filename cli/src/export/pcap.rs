//! Writes a capture as packets for Wireshark and tcpdump: one packet for each read and write, with
//! synthetic headers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::capture::{Capture, Connection};

/// Raw IP packets (LINKTYPE_RAW).
const LINK_TYPE: u32 = 101;
/// Most data bytes in a packet; an IPv4 packet has at most 65,535.
const MAX_DATA: usize = 60_000;

/// Sequence numbers of the two SYNs.
const INITIAL: [u32; 2] = [1_000, 2_000];

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PUSH: u8 = 8;
const ACK: u8 = 16;

/// Returns the file, packets in the order of their times.
pub(super) fn write(capture: &Capture) -> Vec<u8> {
    let mut packets = Vec::new();
    for (index, connection) in capture.connections.values().enumerate() {
        packets.extend(Flow::of(connection, index).packets);
    }
    packets.sort_by_key(|(time, _)| *time);
    let mut out = Vec::new();
    out.extend(0xa1b2_c3d4_u32.to_le_bytes());
    out.extend([2u16, 4].map(u16::to_le_bytes).concat());
    out.extend([0, 0, 65_535, LINK_TYPE].map(u32::to_le_bytes).concat());
    for (time, packet) in packets {
        let time = capture.started.saturating_add(time);
        let (seconds, micros) = (time / 1_000_000_000, time % 1_000_000_000 / 1_000);
        let length = packet.len() as u32;
        out.extend([seconds as u32, micros as u32, length, length].map(u32::to_le_bytes).concat());
        out.extend(packet);
    }
    out
}

/// Converts one connection to packets.
struct Flow {
    /// Client and server.
    ends: [(Ipv4Addr, u16); 2],
    /// The next sequence number of each.
    next: [u32; 2],
    packets: Vec<(u64, Vec<u8>)>,
}

impl Flow {
    /// Connections of a unix socket get made-up ports, so that tools tell them apart.
    fn of(connection: &Connection, index: usize) -> Flow {
        let ends = [end(connection.peer, 32_768 + (index % 32_768) as u16), end(connection.local, 8_000)];
        let mut flow = Flow { ends, next: INITIAL, packets: Vec::new() };
        flow.send(connection.opened, 0, SYN, &[]);
        flow.send(connection.opened, 1, SYN | ACK, &[]);
        flow.send(connection.opened, 0, ACK, &[]);
        for transfer in &connection.transfers {
            let from = usize::from(!transfer.from_client);
            flow.seek(from, transfer.offset);
            for piece in transfer.bytes.chunks(MAX_DATA) {
                flow.send(transfer.time, from, PUSH | ACK, piece);
            }
        }
        match connection.closed {
            Some(time) if connection.close_kind == "rst" => flow.send(time, 1, RST | ACK, &[]),
            Some(time) => {
                let first = usize::from(!connection.by_client);
                flow.send(time, first, FIN | ACK, &[]);
                flow.send(time, 1 - first, FIN | ACK, &[]);
                flow.send(time, first, ACK, &[]);
            }
            None => {}
        }
        flow
    }

    /// Continues at this stream offset: bytes that were not recorded leave a gap, as a lost packet
    /// does.
    fn seek(&mut self, from: usize, offset: u64) {
        for (next, first) in self.next.iter_mut().zip(INITIAL).skip(from).take(1) {
            *next = first.wrapping_add(1).wrapping_add(offset as u32);
        }
    }

    /// Adds a packet from the client (0) or the server (1).
    fn send(&mut self, time: u64, from: usize, flags: u8, data: &[u8]) {
        let [client, server] = self.next;
        let (sequence, seen) = if from == 0 { (client, server) } else { (server, client) };
        let [one, other] = self.ends;
        let (source, target) = if from == 0 { (one, other) } else { (other, one) };
        let acknowledged = if flags & ACK == 0 { 0 } else { seen };
        self.packets.push((time, packet(source, target, [sequence, acknowledged], flags, data)));
        let taken = data.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        if let Some(next) = self.next.get_mut(from) {
            *next = next.wrapping_add(taken);
        }
    }
}

/// Replaces an address that is not IPv4 by the loopback address.
fn end(address: Option<SocketAddr>, port: u16) -> (Ipv4Addr, u16) {
    match address.map(|address| (address.ip(), address.port())) {
        Some((IpAddr::V4(ip), port)) => (ip, port),
        Some((IpAddr::V6(_), port)) => (Ipv4Addr::LOCALHOST, port),
        None => (Ipv4Addr::LOCALHOST, port),
    }
}

/// Returns an IPv4 packet with a TCP segment (RFC 791 §3.1, RFC 9293 §3.1).
fn packet(source: (Ipv4Addr, u16), target: (Ipv4Addr, u16), numbers: [u32; 2], flags: u8, data: &[u8]) -> Vec<u8> {
    let addresses = [source.0.octets(), target.0.octets()].concat();
    let tcp_length = (20 + data.len()) as u16;
    let mut tcp = [source.1.to_be_bytes(), target.1.to_be_bytes()].concat();
    tcp.extend(numbers.map(u32::to_be_bytes).concat());
    tcp.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend(data);
    let pseudo = [&addresses[..], &[0, 6], &tcp_length.to_be_bytes(), &tcp].concat();
    set(&mut tcp, 16, checksum(&pseudo));
    let mut ip = vec![0x45, 0];
    ip.extend((20 + tcp_length).to_be_bytes());
    ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    ip.extend(addresses);
    let sum = checksum(&ip);
    set(&mut ip, 10, sum);
    [ip, tcp].concat()
}

fn set(bytes: &mut [u8], at: usize, sum: u16) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
}

/// Returns the checksum of RFC 1071: the complement of the sum of all pairs of bytes, with carries
/// added.
fn checksum(bytes: &[u8]) -> u16 {
    let pairs = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = pairs.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_rfc() {
        // The example of RFC 1071 §3: the sum is ddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        let made = packet((Ipv4Addr::LOCALHOST, 1), (Ipv4Addr::LOCALHOST, 2), [1, 2], ACK, b"odd");
        assert_eq!((made.len(), checksum(&made[..20])), (43, 0), "a right header sums up to nothing");
    }
}
