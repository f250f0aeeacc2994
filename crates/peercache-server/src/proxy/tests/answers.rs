//! What peers are asked for a request, and what the client is told of their answers.

use super::Stage;

#[test]
fn s2_an_item_whose_new_value_is_refused_goes_also_where_its_key_is_in_base64() {
    let mut stage = Stage::of(1, 1);
    let client = stage.client();
    // `Zm9v` is `foo`, and an item of another name.
    stage.says(client, "ms Zm9v 2000000 b\r\n");
    assert_eq!(stage.sent(0), "md Zm9v b\r\n");
    stage.answers(0, "HD\r\n");
    assert_eq!(stage.told(client), "SERVER_ERROR object too large for cache\r\n");
    let client = stage.client();
    stage.says(client, "ms Zm9v 2000000\r\n");
    assert_eq!(stage.sent(0), "delete Zm9v\r\n");
}
