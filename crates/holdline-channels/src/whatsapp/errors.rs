//! What each error code of the provider means, as a table: whose fault, whether it can pass, and
//! what it tells about the person. Never looks at HTTP statuses: those mislead.

use FaultClass::{Account, Engagement, Platform, Recipient, Request, Template, Throttled};
use holdline_core::message::{Fault, FaultClass, ThrottleScope};

/// The meaning of one code, or of a range of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub from: u32,
    pub to: u32,
    pub class: FaultClass,
    /// The same request can never succeed.
    pub permanent: bool,
    /// The message may have been accepted all the same.
    pub ambiguous: bool,
    /// May also be our own bad request: speaks of the platform only together with others.
    pub weak: bool,
    pub marks_unreachable: bool,
    pub opted_out: bool,
    /// How far a throttle reaches.
    pub scope: ThrottleScope,
}

impl Rule {
    #[must_use]
    pub fn fault(&self, code: &str, detail: &str) -> Fault {
        Fault {
            permanent: self.permanent,
            marks_unreachable: self.marks_unreachable,
            opted_out: self.opted_out,
            ..Fault::new(self.class, code, detail)
        }
    }

    const fn passing(self) -> Self {
        Self {
            permanent: false,
            ..self
        }
    }
    const fn ambiguous(self) -> Self {
        Self {
            ambiguous: true,
            ..self
        }
    }
    const fn weak(self) -> Self {
        Self { weak: true, ..self }
    }
    const fn one_person(self) -> Self {
        Self {
            scope: ThrottleScope::Recipient,
            ..self
        }
    }
    const fn unreachable(self) -> Self {
        Self {
            marks_unreachable: true,
            ..self
        }
    }
    const fn opted_out(self) -> Self {
        Self {
            opted_out: true,
            ..self
        }
    }
}

/// The rule of a code. Single codes win over ranges.
#[must_use]
pub fn lookup(code: u32, subcode: Option<u32>) -> Option<&'static Rule> {
    // An unknown object is answered as a bad parameter with this subcode.
    let code = if (code, subcode) == (100, Some(33)) {
        33
    } else {
        code
    };
    let has = |rule: &&Rule| (rule.from..=rule.to).contains(&code);
    let single = RULES.iter().filter(|rule| rule.from == rule.to).find(has);
    single.or_else(|| RULES.iter().find(has))
}

/// Whether a fault that came from [`lookup`] counts toward an outage only together with others.
#[must_use]
pub fn is_weak(fault: &Fault) -> bool {
    let rule = fault.code.parse().ok().and_then(|code| lookup(code, None));
    fault.class == Platform && rule.is_some_and(|rule| rule.weak)
}

/// All rules.
pub const RULES: &[Rule] = &[
    // The platform.
    one(1, Platform).weak(),
    one(2, Platform),
    one(131_000, Platform).ambiguous(),
    one(131_016, Platform),
    one(133_004, Platform),
    // Our pace.
    one(4, Throttled),
    one(17, Throttled),
    one(613, Throttled),
    range(80_007, 80_008, Throttled),
    one(130_429, Throttled),
    one(131_056, Throttled).one_person(),
    one(133_016, Throttled),
    // Our account: token, permission, standing, payment, registration.
    one(0, Account),
    one(3, Account),
    one(10, Account),
    one(33, Account),
    one(104, Account),
    one(190, Account),
    range(200, 299, Account),
    one(368, Account),
    one(803, Account),
    one(130_497, Account),
    one(131_005, Account),
    range(131_030, 131_031, Account),
    one(131_037, Account),
    one(131_042, Account),
    range(131_044, 131_045, Account),
    one(131_048, Account).passing(),
    one(131_057, Account).passing(),
    one(131_064, Account).passing(),
    one(133_000, Account),
    range(133_005, 133_006, Account),
    range(133_008, 133_010, Account),
    one(133_015, Account),
    one(2_494_100, Account).passing(),
    // Our request.
    one(100, Request),
    range(131_008, 131_009, Request),
    one(131_021, Request),
    one(131_051, Request),
    one(131_053, Request).passing(),
    one(131_062, Request),
    one(135_000, Request),
    range(131_200, 131_299, Request),
    range(139_000, 139_999, Request),
    range(147_000, 147_999, Request),
    range(2_388_000, 2_388_999, Request),
    range(2_494_100, 2_494_199, Request),
    // This person.
    one(131_026, Recipient).unreachable(),
    one(131_047, Recipient),
    one(131_052, Recipient),
    one(137_000, Recipient),
    range(138_000, 138_999, Recipient),
    // Withheld by the provider's policy.
    one(130_472, Engagement),
    one(131_049, Engagement),
    one(131_050, Engagement).opted_out(),
    // The template.
    range(132_000, 132_001, Template),
    one(132_005, Template),
    range(132_007, 132_008, Template),
    one(132_012, Template),
    range(132_015, 132_016, Template),
    range(132_068, 132_069, Template),
    one(141_002, Template),
    // Marketing templates are switched off for this account.
    one(131_063, Account),
];

const fn one(code: u32, class: FaultClass) -> Rule {
    range(code, code, class)
}

const fn range(from: u32, to: u32, class: FaultClass) -> Rule {
    Rule {
        from,
        to,
        class,
        permanent: !matches!(class, Platform | Throttled),
        ambiguous: false,
        weak: false,
        marks_unreachable: false,
        opted_out: false,
        scope: ThrottleScope::Route,
    }
}
