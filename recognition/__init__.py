"""Recognition: networks that name the action of a clip, their training and their tests."""
