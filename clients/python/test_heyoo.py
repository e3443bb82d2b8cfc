"""heyoo, a small client many bots started from: its three URL attributes are set, no more."""

import time

import flask
import httpx
import pytest
from heyoo import WhatsApp

from environment import Environment, Person, wait_for, whatsapp_broken
from receiver import Collected, Receiver


@pytest.fixture(scope="module")
def client(environment: Environment) -> WhatsApp:
    client = WhatsApp(environment.token, phone_number_id=environment.phone_id)
    client.base_url = f"{environment.url}/v14.0"
    client.v15_base_url = f"{environment.url}/v15.0"
    client.url = f"{client.base_url}/{environment.phone_id}/messages"
    return client


@pytest.fixture(scope="module")
def events(environment: Environment):
    """The webhook of heyoo's own examples: a Flask view that hands the JSON to its helpers."""
    collected = Collected()
    app = flask.Flask("heyoo")

    @app.get("/")
    def verify():
        if flask.request.args.get("hub.verify_token") != environment.verify_token:
            return "wrong verification token", 403
        return flask.request.args["hub.challenge"]

    @app.post("/")
    def receive():
        collected.add(flask.request.get_json())
        return "OK", 200

    receiver = Receiver(app)
    register(environment, receiver.url)
    yield collected
    receiver.stop()


def register(environment: Environment, callback_url: str) -> None:
    token = httpx.get(
        f"{environment.url}/oauth/access_token",
        params={
            "grant_type": "client_credentials",
            "client_id": environment.app_id,
            "client_secret": environment.app_secret,
        },
    )
    assert token.status_code == 200, token.text
    answer = httpx.post(
        f"{environment.url}/v14.0/{environment.app_id}/subscriptions",
        data={
            "object": "whatsapp_business_account",
            "callback_url": callback_url,
            "verify_token": environment.verify_token,
            "fields": "messages",
            "access_token": token.json()["access_token"],
        },
        timeout=30,
    )
    assert answer.status_code == 200 and answer.json()["success"], answer.text


def id_of(answer: dict) -> str:
    assert answer["messaging_product"] == "whatsapp"
    return answer["messages"][0]["id"]


def only(person: Person) -> dict:
    received = person.wait_received()
    assert len(received) == 1
    return received[0]["raw"]


def statuses(events: Collected) -> list[dict]:
    values = [event["entry"][0]["changes"][0]["value"] for event in events.all()]
    return [value["statuses"][0] for value in values if "statuses" in value]


def wait_delivered(events: Collected, message_id: str) -> None:
    wait_for(
        f"the delivered status of {message_id}",
        lambda: any(s["id"] == message_id and s["status"] == "delivered" for s in statuses(events)),
    )


def test_a_text_is_delivered_and_the_status_helper_reads_it(client, events, person: Person):
    sent = id_of(client.send_message("Hello there", person.address))
    assert only(person)["text"]["body"] == "Hello there"
    wait_delivered(events, sent)
    delivered = events.first(lambda event: client.get_delivery(event) == "delivered")
    assert delivered is not None


def test_an_inbound_text_is_read_by_the_helpers(client, events, person: Person):
    text = f"Question {time.time_ns()}"
    person.write(text)
    event = wait_for(
        "the inbound text",
        lambda: events.first(lambda e: client.is_message(e) and client.get_message(e) == text),
    )
    assert client.get_mobile(event) == person.address
    assert client.get_name(event)
    assert client.get_message_type(event) == "text"
    assert client.mark_as_read(client.get_message_id(event)) == {"success": True}


def test_a_template_is_delivered(client, person: Person):
    id_of(client.send_template("hello_world", person.address, components=[], lang="en_US"))
    assert only(person)["template"]["name"] == "hello_world"


def test_an_image_by_link_is_delivered(client, person: Person):
    id_of(client.send_image("https://shop.example/picture.png", person.address, caption="Look"))
    assert only(person)["image"]["link"] == "https://shop.example/picture.png"


def test_reply_buttons_are_delivered(client, person: Person):
    button = {
        "type": "button",
        "body": {"text": "Shall we?"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}]},
    }
    id_of(client.send_reply_button(button, person.address))
    assert only(person)["interactive"]["action"]["buttons"][0]["reply"]["id"] == "yes"


def test_with_whatsapp_broken_a_template_arrives_by_sms_and_counts_as_delivered(
    client, events, environment: Environment, person: Person, people
):
    with whatsapp_broken(environment, people):
        answer = client.send_template("hello_world", person.address, components=[], lang="en_US")
        received = person.wait_received()
        assert [r["channel"] for r in received] == ["sms"]
        assert "Hello World" in received[0]["text"], "the text of the template, not its name"
        wait_delivered(events, id_of(answer))
    assert len(person.received()) == 1, "it came once more"


def test_an_upload_is_sent_by_id_and_downloaded(client, person: Person, picture, tmp_path):
    path = tmp_path / "dot.png"
    path.write_bytes(picture)
    media_id = client.upload_media(str(path))["id"]
    id_of(client.send_image(media_id, person.address, link=False))
    assert only(person)["type"] == "image"
    url = client.query_media_url(media_id)
    saved = client.download_media(url, "image/png", str(tmp_path / "back"))
    with open(saved, "rb") as back:
        assert back.read() == picture
    assert client.delete_media(media_id) == {"success": True}
