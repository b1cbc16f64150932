//! Which pieces a map shows one by one, and which stretches of them it folds.

use std::collections::BTreeSet;
use std::ops::Range;

/// Up to so many pieces are all shown.
const ALL: usize = 36;
/// Of more, so many at most. It bounds the picture whatever the set.
const MOST: usize = 80;
/// A stretch shorter than this is shown all the same: a fold takes the room of a piece.
const WORTH: usize = 2;

/// `0..pieces` in order: segments of one piece are shown, longer ones folded. `wanted` are the
/// pieces to show, the most wanted first.
pub(super) fn segments(
    pieces: usize,
    wanted: impl IntoIterator<Item = usize>,
) -> Vec<Range<usize>> {
    let mut shown = BTreeSet::new();
    if pieces > ALL {
        for piece in wanted {
            shown.insert(piece);
            if shown.len() == MOST {
                break;
            }
        }
    } else {
        shown.extend(0..pieces);
    }
    let mut segments = Vec::new();
    let mut next = 0;
    for stop in shown.into_iter().chain([pieces]) {
        if stop - next < WORTH {
            segments.extend((next..stop).map(one));
        } else {
            segments.push(next..stop);
        }
        if stop < pieces {
            segments.push(one(stop));
        }
        next = stop + 1;
    }
    segments
}

fn one(piece: usize) -> Range<usize> {
    piece..piece + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pieces_are_all_shown() {
        assert_eq!(segments(3, []), [0..1, 1..2, 2..3]);
        assert_eq!(segments(ALL, [7]).len(), ALL);
        assert!(segments(0, []).is_empty());
    }

    #[test]
    fn what_nobody_wants_is_folded() {
        assert_eq!(
            segments(100, [50, 99, 0, 2, 53]),
            [0..1, 1..2, 2..3, 3..50, 50..51, 51..53, 53..54, 54..99, 99..100]
        );
        assert_eq!(segments(100, [7]), [0..7, 7..8, 8..100]);
    }

    #[test]
    fn however_many_are_wanted_the_picture_stays_bounded() {
        let segments = segments(100_000, (0..100_000).rev().step_by(2));
        assert!(segments.len() <= 2 * MOST + 1, "{}", segments.len());
        assert_eq!(segments.iter().map(Range::len).sum::<usize>(), 100_000);
        assert_eq!(segments.last(), Some(&(99_999..100_000)));
    }
}
