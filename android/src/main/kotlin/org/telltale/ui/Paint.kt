package org.telltale.ui

import android.content.res.ColorStateList
import android.text.SpannableString
import android.text.style.BulletSpan
import android.view.View
import android.widget.TextView
import org.telltale.R
import org.telltale.engine.Severity

/** A text colour and the soft ground that goes with it: colour resources. */
class Tone(val text: Int, val ground: Int)

/** The colours of a severity, as in the HTML report. */
val Severity.tone: Tone
    get() = when (this) {
        Severity.CRITICAL -> Tone(R.color.critical, R.color.critical_soft)
        Severity.HIGH -> Tone(R.color.high, R.color.high_soft)
        Severity.MEDIUM -> Tone(R.color.medium, R.color.medium_soft)
        Severity.LOW -> Tone(R.color.low, R.color.low_soft)
        Severity.INFO -> Tone(R.color.info, R.color.info_soft)
    }

/** The colours of content: orange for what anybody can read, green for what nobody can. */
fun contentTone(encrypted: Boolean?): Tone = when (encrypted) {
    false -> Tone(R.color.clear_text, R.color.clear_soft)
    true -> Tone(R.color.encrypted_text, R.color.encrypted_soft)
    null -> Tone(R.color.unknown_text, R.color.info_soft)
}

/** Makes a chip of this text. */
fun TextView.chip(label: CharSequence, tone: Tone) {
    text = label
    setTextColor(context.getColor(tone.text))
    tint(tone.ground)
}

/** Colours the background. */
fun View.tint(color: Int) {
    backgroundTintList = ColorStateList.valueOf(context.getColor(color))
}

/** [text] as an item of a list. */
fun View.bulleted(text: String): CharSequence = SpannableString(text).apply {
    val gap = (8 * resources.displayMetrics.density).toInt()
    setSpan(BulletSpan(gap, context.getColor(R.color.muted)), 0, length, 0)
}

/** Shows [content], or nothing at all when it is null. */
fun TextView.showOrHide(content: CharSequence?) {
    text = content
    visibility = if (content.isNullOrEmpty()) View.GONE else View.VISIBLE
}
