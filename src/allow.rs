//! stand-in
use crate::feed::Rejections;
use crate::pattern::Pattern;
/// x
#[derive(Default, Clone, Debug)]
pub struct AllowList {
    /// x
    pub name: String,
    /// x
    pub reason: String,
    /// x
    pub mode: Mode,
    /// x
    pub patterns: Vec<Pattern>,
    /// x
    pub rejected: Rejections,
}
/// x
#[derive(Default, Clone, Copy, Debug)]
pub enum Mode {
    #[default]
    /// x
    Suppress,
    /// x
    Inform,
}
impl Mode {
    pub(crate) fn informs(self) -> bool {
        matches!(self, Mode::Inform)
    }
}
impl AllowList {
    pub(crate) fn has_searches(&self) -> bool {
        false
    }
    pub(crate) fn finds(&self, _: &Pattern) -> bool {
        false
    }
}
