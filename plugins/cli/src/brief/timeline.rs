//! When matches happened: counts for each stretch of time and series, exact whatever comes.
//!
//! The stretches begin short. When there are more counts than are to be held, each becomes part of one twice or more as long, which loses
//! nothing but resolution; so nobody has to know the period beforehand.

use std::collections::BTreeMap;

const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;
pub(super) const WEEK: i64 = 7 * DAY;
/// Weeks begin on a Monday; the epoch was a Thursday.
pub(super) const MONDAY: i64 = 4 * DAY;
/// How many stretches are shown at most.
const SHOWN: i64 = 100;

/// Counts by time and series.
#[derive(Clone, Debug)]
pub(super) struct Timeline<S> {
    /// Seconds.
    stretch: i64,
    /// By the number of the stretch and the series.
    counts: BTreeMap<(i64, S), u64>,
    limit: usize,
}

/// A stretch of time, and how often each series was met in it.
#[derive(PartialEq, Debug)]
pub(super) struct Stretch<S> {
    /// Its first second.
    pub(super) from: i64,
    pub(super) counts: Vec<(S, u64)>,
}

impl<S: Copy + Ord> Timeline<S> {
    pub(super) fn new(limit: usize) -> Self {
        Self { stretch: 5 * MINUTE, counts: BTreeMap::new(), limit }
    }

    pub(super) fn add(&mut self, at: i64, series: S) {
        *self.counts.entry((number(at, self.stretch), series)).or_default() += 1;
        while self.counts.len() > self.limit && self.stretch < i64::MAX / 4 {
            self.widen();
        }
    }

    /// Makes stretches longer: five minutes, an hour, a day, a week, and then twice as long each time.
    fn widen(&mut self) {
        let short = self.stretch;
        self.stretch = match short {
            ..HOUR => HOUR,
            HOUR..DAY => DAY,
            DAY..WEEK => WEEK,
            weeks => weeks * 2,
        };
        for ((number_of, series), count) in std::mem::take(&mut self.counts) {
            *self.counts.entry((number(start(number_of, short), self.stretch), series)).or_default() += count;
        }
    }

    /// How long a stretch is, in seconds, and all of them from the first second to the last, so that a page can show them.
    pub(super) fn shown(mut self, first: i64, last: i64) -> (i64, Vec<Stretch<S>>) {
        let numbers = |stretch| (number(first, stretch), number(last.max(first), stretch));
        loop {
            let (from, to) = numbers(self.stretch);
            if to.saturating_sub(from) < SHOWN {
                break;
            }
            self.widen();
        }
        let (from, to) = numbers(self.stretch);
        let stretches = (from..=to).map(|of| Stretch {
            from: start(of, self.stretch),
            counts: self
                .counts
                .iter()
                .filter(|((at, _), _)| *at == of)
                .map(|(&(_, series), &count)| (series, count))
                .collect(),
        });
        (self.stretch, stretches.collect())
    }
}

fn number(at: i64, stretch: i64) -> i64 {
    at.saturating_sub(MONDAY).div_euclid(stretch)
}

fn start(number: i64, stretch: i64) -> i64 {
    number.saturating_mul(stretch).saturating_add(MONDAY)
}

/// What a stretch is called.
pub(super) fn stretch_name(seconds: i64) -> String {
    match seconds {
        ..HOUR => format!("{} minutes", seconds / MINUTE),
        HOUR => "hour".to_owned(),
        DAY => "day".to_owned(),
        WEEK => "week".to_owned(),
        weeks => format!("{} weeks", weeks / WEEK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-08, a Monday.
    const START: i64 = 1_704_672_000;

    fn of(times: &[i64], limit: usize) -> Timeline<u8> {
        let mut timeline = Timeline::new(limit);
        for (&at, series) in times.iter().zip([0, 1].into_iter().cycle()) {
            timeline.add(at, series);
        }
        timeline
    }

    #[test]
    fn stretches_are_as_long_as_the_period_asks_for() {
        let names = [
            (HOUR, "5 minutes", 13),
            (8 * HOUR, "5 minutes", 97),
            (9 * HOUR, "hour", 10),
            (4 * DAY, "hour", 97),
            (7 * DAY, "day", 8),
            (99 * DAY, "day", 100),
            (100 * DAY, "week", 15),
            (2 * 365 * DAY, "2 weeks", 53),
            (60 * 365 * DAY, "32 weeks", 98),
        ];
        for (length, name, count) in names {
            let (stretch, all) = of(&[START, START + length], 1000).shown(START, START + length);
            assert_eq!((&*stretch_name(stretch), all.len()), (name, count), "{length}");
            assert_eq!(all.iter().flat_map(|of| &of.counts).map(|(_, count)| count).sum::<u64>(), 2);
            assert!(all[0].from <= START && all[0].from + stretch > START);
        }
    }

    #[test]
    fn days_are_days_and_weeks_begin_on_monday() {
        let (_, days) = of(&[START, START + DAY - 1, START + DAY], 1000).shown(START, START + 10 * DAY);
        assert_eq!((days[0].from, &days[0].counts), (START, &vec![(0, 1), (1, 1)]));
        assert_eq!((days[1].from, &days[1].counts), (START + DAY, &vec![(0, 1)]));
        let (_, weeks) = of(&[START + 2 * DAY], 1000).shown(START + 2 * DAY, START + 200 * DAY);
        assert_eq!(weeks[0].from, START);
    }

    #[test]
    fn however_many_there_are_few_are_held_and_none_is_lost() {
        let times: Vec<i64> = (0..20_000).map(|step| START + step * 977 * 60).collect();
        let timeline = of(&times, 64);
        assert!(timeline.counts.len() <= 64);
        let (_, all) = timeline.shown(START, times[times.len() - 1]);
        assert_eq!(all.iter().flat_map(|of| &of.counts).map(|(_, count)| count).sum::<u64>(), 20_000);
        assert!(all.len() <= 100);
    }

    #[test]
    fn times_at_the_ends_of_the_scale_do_no_harm() {
        let (_, all) = of(&[i64::MIN, i64::MAX, 0], 2).shown(i64::MIN, i64::MAX);
        assert_eq!(all.iter().flat_map(|of| &of.counts).map(|(_, count)| count).sum::<u64>(), 3);
        assert!(all.len() <= 100);
    }
}
