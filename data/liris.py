"""The classes of the LIRIS human activities data set.

Wolf et al., Evaluation of video activity localizations integrating quality and quantity
measurements, CVIU 127, 2014; in the order of gurkirt/realtime-action-detection, which has this list
and no reader: its annotation is XML of a form of its own.
"""

LIRIS_CLASSES = (
    "discussion",
    "give_object_to_person",
    "put_take_obj_into_from_box_desk",
    "enter_leave_room_no_unlocking",
    "try_enter_room_unsuccessfully",
    "unlock_enter_leave_room",
    "leave_baggage_unattended",
    "handshaking",
    "typing_on_keyboard",
    "telephone_conversation",
)
