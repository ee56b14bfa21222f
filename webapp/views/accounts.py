"""One's own account: signing in and out, and the password."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter.util import get_remote_address
from flask_login import current_user

from webapp import hx, sessions
from webapp.access import signed_in
from webapp.config import current_settings
from webapp.errors import DataSyncError
from webapp.extensions import db, limiter
from webapp.forms.accounts import ChangePasswordForm, SignInForm
from webapp.forms.base import add_error
from webapp.services import users
from webapp.transactions import commits

bp = Blueprint("accounts", __name__, url_prefix="/account")

PER_ACCOUNT = "10 per 15 minutes"
PER_ADDRESS = "60 per 15 minutes"


def _account_tried() -> str:
    email = request.form.get("email", "").strip().lower()
    return "account:" + hashlib.sha256(email.encode(errors="replace")).hexdigest()


def _account_signed_in() -> str:
    return f"user:{signed_in().id}"


def _was_refused(response: Response) -> bool:
    return response.status_code == 422


@bp.route("/sign-in", methods=["GET", "POST"])
@limiter.limit(PER_ACCOUNT, key_func=_account_tried, methods=["POST"], deduct_when=_was_refused)
@limiter.limit(PER_ADDRESS, key_func=get_remote_address, methods=["POST"], deduct_when=_was_refused)
@commits
def sign_in() -> ResponseReturnValue:
    """Sign in, then go back to where one wanted to be. Only failures count towards the limits."""
    wanted = sessions.local_path(request.values.get("next"))
    if current_user.is_authenticated:
        return redirect(wanted or url_for("home.index"), code=303)
    form = SignInForm()
    if form.validate_on_submit():
        user = users.authenticate(db.session(), form.email.data, form.password.data)
        if user is not None:
            sessions.begin(user)
            return hx.go_to(wanted or url_for("home.index"))
        form.form_errors.append("The email or the password is not right. Check both and try again.")
    idle = current_settings().idle_minutes if g.get("idled_out") else None
    page = render_template("accounts/sign_in.html", form=form, next=wanted, idle_minutes=idle)
    return page, 422 if form.errors else 200


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    sessions.end()
    flash("You are signed out.", "success")
    return hx.go_to(url_for("accounts.sign_in"))


@bp.route("/password", methods=["GET", "POST"])
@limiter.limit(PER_ACCOUNT, key_func=_account_signed_in, methods=["POST"], deduct_when=_was_refused)
@commits
def change_password() -> ResponseReturnValue:
    """Change one's own password: the other sessions end, this one goes on."""
    form = ChangePasswordForm()
    if form.validate_on_submit():
        user = users.find_user(db.session(), signed_in().id)
        if user is None or not users.has_password(user, form.current.data):
            form.current.errors = ["That is not your current password. Type it again."]
        else:
            try:
                users.set_password(db.session(), user, form.password.data)
            except DataSyncError as error:
                add_error(form, error)
            else:
                sessions.begin(user)
                flash("Your password is changed. Other devices are signed out.", "success")
                return hx.go_to(url_for("accounts.change_password"))
    page = render_template(
        "accounts/change_password.html", form=form, shortest=users.SHORTEST_PASSWORD
    )
    return page, 422 if form.errors else 200
