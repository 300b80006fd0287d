// SPDX-License-Identifier: MIT
/** How the test talks with an agent that it has started: by the port of its thread, or by the channel of its process. */
import type { ChildProcess } from 'node:child_process';
import type { Worker } from 'node:worker_threads';
import type { Member } from 'dmabuf';

/** Something that a scene says. */
export interface Said {
  readonly word: string;
  readonly payload: unknown;
}

export interface Line {
  /** Nothing happens when the other end is gone. */
  send(message: unknown): void;
  /** All it has said has arrived, and it says nothing more. */
  readonly closed: Promise<unknown>;
}

export interface Listener {
  said(said: Said): void;
  /** An error has ended it. */
  failed(error: unknown): void;
}

function lineToThread(worker: Worker, { said, failed }: Listener): Line {
  worker.on('message', said);
  worker.on('error', failed);
  return {
    send: (message) => worker.postMessage(message),
    closed: new Promise((resolve) => worker.once('exit', resolve)),
  };
}

/** Of its error a process tells the text. */
export function lineToProcess(child: ChildProcess, { said, failed }: Listener): Line {
  child.on('message', (message: Said | { readonly error: string }) => {
    if ('error' in message) failed(new Error(message.error));
    else said(message);
  });
  return {
    send: (message) => void child.send(message as object, () => undefined),
    closed: new Promise((resolve) => child.once('disconnect', resolve)),
  };
}

export function lineTo(member: Member, listener: Listener): Line {
  return member.as === 'thread'
    ? lineToThread(member.host as Worker, listener)
    : lineToProcess(member.host as ChildProcess, listener);
}
