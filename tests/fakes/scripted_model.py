"""LangChain's fake chat model, given tools: it does as its script says."""

from typing import Any

from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel


class Scripted(FakeMessagesListChatModel):
    def bind_tools(self, tools: Any, **_: Any) -> "Scripted":  # type: ignore[override]
        return self
