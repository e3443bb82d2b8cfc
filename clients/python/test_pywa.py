"""pywa as its users run it: a client and a Flask webhook, with only the base URL changed."""

import hashlib
import threading

import flask
import httpx
import pytest
from pywa import WhatsApp, errors, types, utils
from pywa.types.templates import TemplateLanguage

from environment import Environment, Person, wait_for, whatsapp_broken
from receiver import Collected, Receiver

GRAPH_VERSION = "v23.0"
REGISTRATION_S_MAX = 30


class Bot:
    """A pywa app: registers its own callback and collects what its handlers are given."""

    def __init__(self, environment: Environment):
        app = flask.Flask("bot")
        self.receiver = Receiver(app)
        self.messages, self.statuses, self.presses = Collected(), Collected(), Collected()
        self.wa = connect(
            environment,
            server=app,
            webhook_endpoint="/hook",
            callback_url=self.receiver.url,
            callback_url_scope=utils.CallbackURLScope.APP,
            webhook_challenge_delay=1,
            verify_token=environment.verify_token,
            app_id=environment.app_id,
            app_secret=environment.app_secret,
        )
        self.wa.on_message(lambda _, message: self.messages.add(message))
        self.wa.on_message_status(lambda _, status: self.statuses.add(status))
        self.wa.on_callback_button(lambda _, press: self.presses.add(press))
        self._wait_registered()

    def _wait_registered(self) -> None:
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join(REGISTRATION_S_MAX)
        assert self.receiver.count("GET", 200) >= 1, "the callback was not verified"

    def wait_status(self, message_id: str, status: types.MessageStatusType):
        return wait_for(
            f"status {status} of {message_id}",
            lambda: self.statuses.first(lambda s: s.id == message_id and s.status == status),
        )

    def wait_text(self, text: str) -> types.Message:
        return wait_for(f"text {text!r}", lambda: self.messages.first(lambda m: m.text == text))

    def wait_press(self, person: Person) -> types.CallbackButton:
        return wait_for(
            f"a press of {person.address}",
            lambda: self.presses.first(lambda p: p.from_user.wa_id == person.address),
        )


def connect(environment: Environment, token: str | None = None, **options) -> WhatsApp:
    wa = WhatsApp(
        phone_id=environment.phone_id,
        waba_id=environment.waba_id,
        token=token or environment.token,
        **options,
    )
    wa.api._session.base_url = f"{environment.url}/{GRAPH_VERSION}"
    return wa


@pytest.fixture(scope="module")
def bot(environment):
    bot = Bot(environment)
    yield bot
    bot.receiver.stop()


def arrived(person: Person, kind: str) -> dict:
    """What reached the person: one message, of this kind, as the provider was sent it."""
    received = person.wait_received()
    assert len(received) == 1, f"{len(received)} messages instead of one"
    assert received[0]["raw"]["type"] == kind
    return received[0]["raw"]


def test_a_text_is_delivered_and_its_status_comes_back(bot: Bot, person: Person):
    sent = bot.wa.send_message(to=f"+{person.address}", text="Grüße 👋 and \"quotes\"")
    assert sent.id.startswith("wamid.")
    assert arrived(person, "text")["text"]["body"] == "Grüße 👋 and \"quotes\""
    status = bot.wait_status(sent.id, types.MessageStatusType.DELIVERED)
    assert status.from_user.wa_id == person.address


def test_statuses_keep_the_callers_own_tracker(bot: Bot, person: Person):
    sent = bot.wa.send_message(to=person.address, text="tracked", tracker="order-17")
    status = bot.wait_status(sent.id, types.MessageStatusType.DELIVERED)
    assert status.tracker == "order-17"


def test_a_template_with_parameters_is_delivered(bot: Bot, person: Person):
    parameters = [
        {"type": "header", "parameters": [{"type": "text", "text": "A-17"}]},
        {
            "type": "body",
            "parameters": [{"type": "text", "text": text} for text in ("Ann", "A-17", "Friday")],
        },
        {
            "type": "button",
            "sub_type": "url",
            "index": 2,
            "parameters": [{"type": "text", "text": "A-17"}],
        },
    ]
    sent = bot.wa.send_template(
        to=person.address,
        name="order_update",
        language=TemplateLanguage.ENGLISH_US,
        params=parameters,
    )
    assert arrived(person, "template")["template"]["name"] == "order_update"
    bot.wait_status(sent.id, types.MessageStatusType.DELIVERED)


def test_an_unknown_template_is_refused_with_the_providers_code(bot: Bot, person: Person):
    with pytest.raises(errors.WhatsAppError) as refusal:
        bot.wa.send_template(
            to=person.address, name="no_such_template", language=TemplateLanguage.ENGLISH_US
        )
    assert refusal.value.code == 132001


def test_an_image_by_link_is_delivered(bot: Bot, person: Person):
    link = "https://shop.example/picture.png"
    bot.wa.send_image(to=person.address, image=link, caption="A picture")
    image = arrived(person, "image")["image"]
    assert image["link"] == link
    assert image["caption"] == "A picture"


def test_buttons_are_delivered_and_a_press_comes_back(bot: Bot, person: Person):
    buttons = [
        types.Button(title="Yes", callback_data="answer:yes"),
        types.Button(title="No", callback_data="answer:no"),
    ]
    sent = bot.wa.send_message(to=person.address, text="Shall we?", buttons=buttons)
    interactive = arrived(person, "interactive")["interactive"]
    assert [b["reply"]["title"] for b in interactive["action"]["buttons"]] == ["Yes", "No"]
    bot.wait_status(sent.id, types.MessageStatusType.DELIVERED)
    person.press("No")
    press = bot.wait_press(person)
    assert press.data == "answer:no"
    assert press.reply_to_message.id == sent.id, "the press must name the id we were given"


def test_with_whatsapp_broken_a_text_arrives_by_sms_and_counts_as_delivered(
    bot: Bot, environment: Environment, person: Person, people
):
    with whatsapp_broken(environment, people):
        sent = bot.wa.send_message(to=person.address, text="Your parcel is here")
        received = person.wait_received()
        assert [r["channel"] for r in received] == ["sms"]
        assert "Your parcel is here" in received[0]["text"]
        status = bot.wait_status(sent.id, types.MessageStatusType.DELIVERED)
        assert status.from_user.wa_id == person.address
    assert len(person.received()) == 1, "it came once more"


def test_with_whatsapp_broken_the_answer_by_sms_comes_back_as_the_press_of_the_button(
    bot: Bot, environment: Environment, person: Person, people
):
    buttons = [
        types.Button(title="Today", callback_data="day:today"),
        types.Button(title="Tomorrow", callback_data="day:tomorrow"),
    ]
    with whatsapp_broken(environment, people):
        sent = bot.wa.send_message(to=person.address, text="When?", buttons=buttons)
        received = person.wait_received()
        assert [r["channel"] for r in received] == ["sms"]
        assert "2" in received[0]["text"] and "Tomorrow" in received[0]["text"]
        person.write("2", channel="sms")
        press = bot.wait_press(person)
    assert press.data == "day:tomorrow"
    assert press.reply_to_message.id == sent.id


def test_an_upload_is_sent_by_id(bot: Bot, person: Person, picture: bytes):
    media = bot.wa.upload_media(picture, mime_type="image/png", filename="dot.png")
    bot.wa.send_image(to=person.address, image=media.id, caption="By id")
    image = arrived(person, "image")["image"]
    assert image["caption"] == "By id"
    assert image.get("id") or image.get("link")


def test_media_info_and_download_give_back_what_was_uploaded(bot: Bot, picture: bytes):
    media = bot.wa.upload_media(picture, mime_type="image/png", filename="dot.png")
    info = bot.wa.get_media_url(media.id)
    assert info.mime_type == "image/png"
    assert info.file_size == len(picture)
    assert info.sha256 == hashlib.sha256(picture).hexdigest()
    assert bot.wa.get_media_bytes(info.url) == picture
    assert bot.wa.delete_media(media.id).success
    with pytest.raises(errors.WhatsAppError):
        bot.wa.get_media_url(media.id)


def test_an_inbound_text_is_received_read_and_answered(bot: Bot, person: Person):
    person.write("Is anybody there?")
    message = bot.wait_text("Is anybody there?")
    assert message.from_user.wa_id == person.address
    assert message.from_user.name
    assert bot.wa.mark_message_as_read(message.id).success
    assert bot.wa.indicate_typing(message.id).success
    answer = message.reply(text="Yes, we are", quote=True)
    assert arrived(person, "text")["text"]["body"] == "Yes, we are"
    bot.wait_status(answer.id, types.MessageStatusType.DELIVERED)


def test_templates_are_listed(bot: Bot):
    names = {template.name for template in bot.wa.get_templates()}
    assert {"hello_world", "order_update"} <= names


def test_a_wrong_token_is_refused_with_code_190(environment: Environment, person: Person):
    stranger = connect(environment, token="not-a-token")
    with pytest.raises(errors.WhatsAppError) as refusal:
        stranger.send_message(to=person.address, text="let me in")
    assert refusal.value.code == 190
    assert person.received() == []


def test_a_forged_webhook_is_what_the_receiver_would_refuse(bot: Bot):
    """The receiver does check signatures, so the events above were signed as it demands."""
    forged = httpx.post(
        f"{bot.receiver.url}/hook", content=b"{}", headers={"X-Hub-Signature-256": "sha256=00"}
    )
    assert forged.status_code == 403
