//! The whole server on PostgreSQL: what was accepted is delivered and kept, whoever of the two is
//! started again.

use crate::scenarios::{quick, until_ended};
use crate::stack::Stack;
use holdline_servers::Postgres;

const PERSON: &str = "+16505554101";

#[tokio::test(flavor = "multi_thread")]
async fn messages_on_postgresql_outlive_both_servers() {
    let mut database = tokio::task::block_in_place(Postgres::start);
    let name = database.new_database();
    let mut options = quick();
    let url = ("HOLDLINE_STORAGE_URL".to_owned(), database.url(&name));
    options.env.push(url);
    let mut stack = Stack::start_with(options).await;
    let first = stack.send_text(PERSON, "before").await;
    assert_eq!(until_ended(&stack, &first).await["state"], "delivered");

    database.kill();
    database.restart();
    let second = stack
        .send_text(PERSON, "after the database came back")
        .await;
    assert_eq!(until_ended(&stack, &second).await["state"], "delivered");

    stack.stop().await;
    stack.serve().await;
    for id in [&first, &second] {
        assert_eq!(stack.message(id).await["state"], "delivered");
    }
    let kept = database.sql(&name, "SELECT count(*) FROM message");
    assert_eq!(kept, "2");
    let sqlite = stack.folder.path().join("data/holdline.db");
    assert!(!sqlite.exists(), "nothing is kept elsewhere");
}
