"""Titles of key results in many scripts, and mail programs that read them back from a message's bytes."""

# ruff: noqa: RUF001, S311  # the characters are what is tested, and chance chooses no secret

import base64
import quopri
import random
import re
from collections.abc import Callable, Mapping
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32, default

SENTENCES = """
Améliorer la fiabilité des réponses déployées à l’étranger jusqu’à la fin de l’année
Größere Änderungen übermäßig schnell prüfen, höchstens zwölf Tage später
Publicación rápida de los años próximos: ¿cuántas peticiones señaladas?
Übersicht – „schnell“ und »günstig« für die Straße nach Zürich
Zwiększenie niezawodności źródeł żółtych łączy w październiku
Příliš žluťoučký kůň úpěl ďábelské ódy třiadvacátého září
Κάθε πληρωμή ολοκληρώνεται σε λιγότερο από δύο δευτερόλεπτα
Каждый платёж завершается быстрее двух секунд в десяти странах
Всеки потребител намира желаната поръчка без помощ
שלום לכל הלקוחות החדשים שמשלמים במהירות רבה
الدفع أسرع من ثانيتين لكل عميل جديد في الخليج العربي
پرداخت سریع‌تر برای هر مشتری می‌شود
हर ग्राहक का भुगतान दो सेकंड में पूरा होता है
প্রতিটি গ্রাহকের অর্থপ্রদান দুই সেকেন্ডে সম্পন্ন হয়
ஒவ்வொரு வாடிக்கையாளரும் விரைவாக பணம் செலுத்துகிறார்
ทุกการชำระเงินเสร็จภายในสองวินาที ไม่มีข้อผิดพลาด
Mọi khoản thanh toán hoàn tất trong hai giây ở mười quốc gia
決済を簡単に、二秒以内で完了させる 顧客満足度を向上
每个客户都能在两秒内完成付款，减少支付错误
모든 고객이 이 초 안에 결제를 완료하도록 한다
ყველა გადახდა სრულდება ორ წამში
Յուրաքանչյուր վճարում ավարտվում է երկու վայրկյանում
እያንዳንዱ ክፍያ በሁለት ሰከንድ ውስጥ ይጠናቀቃል
ការទូទាត់នីមួយៗត្រូវបានបញ្ចប់ក្នុងរយៈពេលពីរវិនាទី
Ship 👩‍💻 and 🏳️‍🌈 everywhere 🚀 without ❤️ lost
Open payment bugs down from 40 to 5, “quickly” — in São Paulo
KR-1 fell back to 62 % (from 80 %): Ship the new checkout
""".strip().splitlines()

ODD = (
    "=?utf-8?q?a=0D=0ABcc:_all=40example.com?=",
    "=?utf-8?b?w6k=?= =?utf-8?b?w6k=?=",
    "é =?x?q?y?=",
    "a  b",
    "x" * 200,
    "é" * 200,
    '<a@example.com>, b; (c) : d \\ "e"',
    "?= ends",
    "_ = ? _=C3=A9",
    "𝒳" * 60,
)
JOINTS = (" ", " ", " ", ", ", " – ", "\u00a0: ", "\u202f%", "  ", "’", "…", "")


def natural_titles(count: int, *, seed: int) -> list[str]:
    """Return titles of words in one or two scripts, of all lengths, always the same for one seed; odd ones first."""
    chance = random.Random(seed)
    return [*SENTENCES, *ODD, *(_title(chance) for _ in range(count))][:count]


def _title(chance: random.Random) -> str:
    words = [word for sentence in chance.sample(SENTENCES, chance.choice((1, 1, 1, 2))) for word in sentence.split()]
    title = ""
    for word in chance.choices(words, k=chance.randint(1, 24)):
        title += word + chance.choice(JOINTS)
    return " ".join(title.split(" ")).strip()[:300].strip()


def modern(raw: bytes) -> str:
    """Read the subject as Python's present parser does."""
    return str(message_from_bytes(raw, policy=default)["Subject"])


def legacy(raw: bytes) -> str:
    """Read the subject as Python's older functions do, on which many programs are built."""
    return str(make_header(decode_header(message_from_bytes(raw, policy=compat32)["Subject"])))


def by_the_rfc(raw: bytes) -> str:
    """Read the subject as RFC 2047 says, after unfolding as RFC 5322 says."""
    return decoded(header(raw, "Subject").replace("\r\n", ""))


def with_one_space(raw: bytes) -> str:
    """Read the subject as programs do that unfold with one space in place of whatever is there."""
    return decoded(re.sub(r"\r\n[ \t]+", " ", header(raw, "Subject")))


def with_a_tab(raw: bytes) -> str:
    """Read the subject as programs do that leave a tab where a header of encoded words was folded."""
    written = header(raw, "Subject")
    return decoded(written.replace("\r\n ", "\t" if written.startswith("=?") else " "))


READERS: tuple[Callable[[bytes], str], ...] = (modern, legacy, by_the_rfc, with_one_space, with_a_tab)


def sender_name(raw: bytes) -> str:
    """Read the sender's name as RFC 5322 and RFC 2047 say."""
    phrase = header(raw, "From").replace("\r\n", "").rpartition("<")[0].strip()
    return re.sub(r"\\(.)", r"\1", phrase[1:-1]) if phrase.startswith('"') else decoded(phrase)


def header(raw: bytes, name: str) -> str:
    """Return the value of a header as it was sent, still folded."""
    found = re.search(rf"^{name}: ((?:.*\r\n[ \t])*.*)\r\n", raw.decode("ascii"), re.MULTILINE)
    assert found, raw
    return found[1]


def decoded(value: str) -> str:
    """Decode the encoded words of a value; white space between two of them is dropped."""
    joined = re.sub(r"(\?=)\s+(?==\?)", r"\1", value)
    return re.sub(r"=\?utf-8\?([bq])\?([^?]*)\?=", _word, joined, flags=re.IGNORECASE)


_DECODERS: Mapping[str, Callable[[str], bytes]] = {
    "b": lambda text: base64.b64decode(text, validate=True),
    "q": lambda text: quopri.decodestring(text, header=True),
}


def _word(found: re.Match[str]) -> str:
    assert len(found[0]) <= 75, "https://www.rfc-editor.org/rfc/rfc2047#section-2"
    return _DECODERS[found[1].lower()](found[2]).decode()  # each word has whole characters
