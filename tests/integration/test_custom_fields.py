"""Custom fields: adding, relabelling, and deleting only what nobody uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.people import make_admin, make_person, sign_in
from webapp.extensions import db
from webapp.models import Constituent, CustomField, Operation, Run
from webapp.rules.roles import Role
from webapp.services.uploads import known_fields

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

NEW = "/admin/custom-fields/new"
SHIRT = {
    "label": "T-shirt size",
    "key": "CUSTOM_Tshirt Size",
    "kind": "choice",
    "choices": "S\nM\n\n m \nL",
}


@pytest.fixture
def admin(app: Flask, client: FlaskClient[Any]) -> FlaskClient[Any]:
    return sign_in(client, make_admin(app))


def fields(app: Flask) -> dict[str, CustomField]:
    with app.app_context():
        return {field.key: field for field in db.session.scalars(select(CustomField))}


def add_constituent(app: Flask, **custom: str) -> None:
    with app.app_context():
        db.session.add(Constituent(last_name="Díaz", custom=custom))
        db.session.commit()


def test_a_new_field_is_a_column_that_files_may_have(app: Flask, admin: FlaskClient[Any]) -> None:
    assert admin.post(NEW, data=SHIRT).status_code == 303
    assert fields(app)["tshirt_size"].choices == ["S", "M", "L"]
    with app.app_context():
        known = {field.column: field for field in known_fields(db.session())}
    assert known["CUSTOM_TSHIRT_SIZE"].choices == ("S", "M", "L")
    assert "CUSTOM_TSHIRT_SIZE" in admin.get("/admin/custom-fields/").text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"label": ""}, "Give the field a label."),
        ({"key": ""}, "Give the field a name."),
        ({"key": "1st"}, "beginning with a letter"),
        ({"key": "größe"}, "Use up to 40 letters, digits and underscores"),
        ({"key": "a" * 41}, "Use up to 40 letters"),
        ({"key": "taken"}, "There is a field CUSTOM_TAKEN already"),
        ({"kind": "picture"}, "Not a valid choice"),
        ({"choices": "\n \n"}, "Write at least one choice"),
        ({"choices": "x" * 101}, "at most 100 characters for each choice"),
        ({"kind": "text", "max_length": "0"}, "from 1 to 1,000"),
        ({"kind": "text", "max_length": "1001"}, "from 1 to 1,000"),
        ({"kind": "text", "max_length": "many"}, "Not a valid integer"),
    ],
)
def test_what_cannot_be_is_said(
    app: Flask, admin: FlaskClient[Any], change: dict[str, str], sentence: str
) -> None:
    admin.post(NEW, data={"label": "Taken", "key": "taken", "kind": "date"})
    answer = admin.post(NEW, data=SHIRT | change)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert set(fields(app)) == {"taken"}


def test_label_and_choices_can_change_but_not_choices_people_have(
    app: Flask, admin: FlaskClient[Any]
) -> None:
    admin.post(NEW, data=SHIRT)
    add_constituent(app, tshirt_size="M")
    page = "/admin/custom-fields/tshirt_size"
    assert admin.post(page, data={"label": "Shirt", "choices": "s\nM\nXL"}).status_code == 303
    assert fields(app)["tshirt_size"].choices == ["S", "M", "XL"]
    refused = admin.post(page, data={"label": "Other", "choices": "S\nXL"})
    assert refused.status_code == 422
    assert "1 constituent has “M”, so it must stay among the choices." in refused.text
    assert fields(app)["tshirt_size"].label == "Shirt"


def test_a_field_that_is_used_stays(app: Flask, admin: FlaskClient[Any]) -> None:
    admin.post(NEW, data=SHIRT)
    admin.post(NEW, data={"label": "Unused", "key": "unused", "kind": "number"})
    add_constituent(app, tshirt_size="M")
    add_constituent(app, tshirt_size="S")
    page = admin.post("/admin/custom-fields/tshirt_size/delete", follow_redirects=True).text
    assert "2 constituents have a value in T-shirt size, so it can" in page
    admin.post("/admin/custom-fields/unused/delete")
    assert set(fields(app)) == {"tshirt_size"}


def test_a_field_is_not_deleted_under_a_run(app: Flask, admin: FlaskClient[Any]) -> None:
    admin.post(NEW, data=SHIRT)
    with app.app_context():
        operation = db.session.scalars(select(Operation).order_by(Operation.id)).first()
        db.session.add(Run(operation=operation, label="Now", state="running"))
        db.session.commit()
    page = admin.post("/admin/custom-fields/tshirt_size/delete", follow_redirects=True).text
    assert "A run is under way and could fill this field." in page
    assert set(fields(app)) == {"tshirt_size"}


def test_only_administrators(app: Flask, client: FlaskClient[Any]) -> None:
    sign_in(client, make_person(app, "m@example.org", Role.DATA_SYNC_MANAGE))
    assert client.get("/admin/custom-fields/").status_code == 403
    assert client.post(NEW, data=SHIRT).status_code == 403
    assert not fields(app)
