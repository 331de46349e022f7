//! From a letter and a delivery row to the bytes of a message.

/// The version of the writer: the same letter, row and format give the same bytes. A golden test pins it.
pub const FORMAT: i64 = 1;

/// Refuses a header that could break out of its line or carries what no header may hold (RFC 5322 section 2.2).
pub fn check_header(name: &str, value: &str) -> Result<(), String> {
    let is_name = !name.is_empty()
        && name.len() <= 76
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if !is_name {
        return Err(format!("{name:?} is not the name of a header"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!(
            "the header {name} holds a line break or a control character"
        ));
    }
    Ok(())
}
