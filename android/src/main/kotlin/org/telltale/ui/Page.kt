package org.telltale.ui

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import org.telltale.R

/** A screen that is one page of text and cards. */
abstract class Page : Screen() {
    protected val page: ViewGroup get() = findViewById(R.id.page)

    /** Shows an empty page with [title]. */
    protected fun showPage(title: Int) {
        show(R.layout.screen_page)
        findViewById<TextView>(R.id.bar_title).setText(title)
    }

    /** Puts [layout] at the page's end. */
    protected fun add(layout: Int, parent: ViewGroup = page): View =
        LayoutInflater.from(this).inflate(layout, parent, false).also(parent::addView)

    /** Puts a card with a title and a text at the page's end. */
    protected fun addCard(title: CharSequence, text: CharSequence?) {
        val card = add(R.layout.card_text)
        card.findViewById<TextView>(R.id.title).text = title
        card.findViewById<TextView>(R.id.text).showOrHide(text)
    }

    /** Shows the button at the bottom. */
    protected fun showAction(label: Int, action: () -> Unit) {
        findViewById<View>(R.id.bottom).visibility = View.VISIBLE
        findViewById<Button>(R.id.action).apply {
            setText(label)
            setOnClickListener { action() }
        }
    }
}
